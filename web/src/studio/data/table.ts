// The images of a project as columns: what the grid shows, filters and selects from. No DOM.
import type { ImageColumns } from '../types'

export interface Filter {
  view: 'all' | 'unlabelled' | 'left_out' | 'class' | 'ids'
  label?: number // id of the class, where view is 'class'
  ids?: number[] // where view is 'ids'
  split?: number // 0 auto, 1 train, 2 val, 3 test
}

export class ImageTable {
  static readonly empty = new ImageTable(-1, new Int32Array(0), new Int32Array(0), new Uint8Array(0), new Uint8Array(0))
  private rows: Map<number, number> | undefined

  /** labels: id of the class, -1 for none.  leftOut: 1 where the image is not used. */
  constructor(
    readonly revision: number,
    readonly ids: Int32Array,
    readonly labels: Int32Array,
    readonly splits: Uint8Array,
    readonly leftOut: Uint8Array,
  ) {}

  static of(columns: ImageColumns): ImageTable {
    const ids = Int32Array.from(columns.ids)
    const table = new ImageTable(
      columns.revision,
      ids,
      Int32Array.from(columns.labels),
      Uint8Array.from(columns.splits),
      new Uint8Array(ids.length),
    )
    return table.with('leftOut', columns.left_out, 1, columns.revision)
  }

  get length(): number {
    return this.ids.length
  }

  /** The row of an image, undefined where it is not here. */
  row(id: number): number | undefined {
    this.rows ??= new Map(Array.from(this.ids, (one, row) => [one, row]))
    return this.rows.get(id)
  }

  /** A copy in which these images have another value in one column. */
  with(column: 'labels' | 'splits' | 'leftOut', ids: readonly number[], value: number, revision: number): ImageTable {
    const changed = { labels: this.labels, splits: this.splits, leftOut: this.leftOut }
    const values =
      column === 'labels' ? (changed.labels = this.labels.slice()) : (changed[column] = this[column].slice())
    for (const id of ids) {
      const row = this.row(id)
      if (row !== undefined) values[row] = value
    }
    const table = new ImageTable(revision, this.ids, changed.labels, changed.splits, changed.leftOut)
    table.rows = this.rows
    return table
  }

  /** The rows that a filter shows, in the order of the table; those of 'ids' in their own order. */
  filter({ view, label, ids, split }: Filter): Int32Array {
    if (view === 'ids') {
      const found = (ids ?? []).map((id) => this.row(id)).filter((row): row is number => row !== undefined)
      return Int32Array.from(split === undefined ? found : found.filter((row) => this.splits[row] === split))
    }
    const shown = new Int32Array(this.length)
    let count = 0
    for (let row = 0; row < this.length; row++) {
      if ((this.leftOut[row] === 1) !== (view === 'left_out')) continue
      if (view === 'unlabelled' && this.labels[row] !== -1) continue
      if (view === 'class' && this.labels[row] !== label) continue
      if (split !== undefined && this.splits[row] !== split) continue
      shown[count++] = row
    }
    return shown.slice(0, count)
  }
}
