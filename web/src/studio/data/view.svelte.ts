// What the Data tab shows now: the filter, the rows it gives, the size of the cells, the panel.
import { studio } from '../state.svelte'
import { selection } from './selection.svelte'
import type { Finding } from '../types'
import type { Filter } from './table'

const known = (ids: number[], values: (string | null)[]): Map<number, string> =>
  new Map(ids.flatMap((id, i) => (values[i] == null ? [] : [[id, values[i]] as const])))

class View {
  filter = $state.raw<Filter>({ view: 'all' })
  title = $state('')
  /** Of a finding's images: what to relabel them as, and what the check says of each. */
  proposed = $state.raw<ReadonlyMap<number, string>>(new Map())
  details = $state.raw<ReadonlyMap<number, string>>(new Map())
  cellSize = $state(112)
  panel = $state<'' | 'findings' | 'queue'>('')
  readonly rows = $derived(studio.table.filter(this.filter))
  /** The images that are shown, in order. */
  readonly ids = $derived(Int32Array.from(this.rows, (row) => studio.table.ids[row]!))

  show(filter: Filter, title = ''): void {
    this.filter = { ...filter, split: 'split' in filter ? filter.split : this.filter.split }
    this.title = title
    this.proposed = this.details = new Map()
    selection.clear()
    selection.move(0)
  }

  /** The images of a finding, those that belong together side by side. */
  showFinding(finding: Finding, title: string): void {
    const ids = finding.pairs.length ? [...new Set(finding.pairs.flat())] : finding.ids
    this.show({ view: 'ids', ids, split: undefined }, title)
    this.proposed = known(finding.ids, finding.labels)
    this.details = known(finding.ids, finding.details)
  }
}

export const view = new View()
