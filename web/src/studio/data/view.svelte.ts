// What the Data tab shows now: the filter, the rows it gives, the size of the cells, the panel.
import { studio } from '../state.svelte'
import { selection } from './selection.svelte'
import type { Finding } from '../types'
import type { Filter } from './table'

class View {
  filter = $state.raw<Filter>({ view: 'all' })
  /** Of some images: what they are, in the language of the page. */
  title = $state.raw<() => string>(() => '')
  /** Of a finding's images: the class to relabel them as, and what the check says of each. */
  proposed = $state<string | null>(null)
  details = $state.raw<ReadonlyMap<number, string>>(new Map())
  cellSize = $state(112)
  panel = $state<'' | 'findings' | 'queue'>('')
  /** Whether only the head of the panel is there, on a phone, where it lies over the images. */
  folded = $state(false)
  readonly rows = $derived(studio.table.filter(this.filter))
  /** The images that are shown, in order. */
  readonly ids = $derived(Int32Array.from(this.rows, (row) => studio.table.ids[row]!))

  show(filter: Filter, title = (): string => ''): void {
    this.filter = { ...filter, split: 'split' in filter ? filter.split : this.filter.split }
    this.title = title
    this.proposed = null
    this.details = new Map()
    selection.clear()
    selection.move(0)
  }

  /** The images of a finding, those that belong together side by side. */
  showFinding(finding: Finding, title: () => string): void {
    const ids = finding.pairs.length ? [...new Set(finding.pairs.flat())] : finding.ids
    this.show({ view: 'ids', ids, split: undefined }, title)
    this.proposed = finding.label
    this.folded = true
    this.details = new Map(finding.ids.map((id, i) => [id, finding.details[i] ?? '']))
  }
}

export const view = new View()
