// What the Data tab shows now: the filter, the rows it gives, the size of the cells, the panel.
import { studio } from '../state.svelte'
import { selection } from './selection.svelte'
import type { Filter } from './table'

class View {
  filter = $state.raw<Filter>({ view: 'all' })
  title = $state('')
  cellSize = $state(112)
  panel = $state<'' | 'findings' | 'queue'>('')
  readonly rows = $derived(studio.table.filter(this.filter))
  /** The images that are shown, in order. */
  readonly ids = $derived(Int32Array.from(this.rows, (row) => studio.table.ids[row]!))

  show(filter: Filter, title = ''): void {
    this.filter = { ...filter, split: 'split' in filter ? filter.split : this.filter.split }
    this.title = title
    selection.clear()
    selection.move(0)
  }
}

export const view = new View()
