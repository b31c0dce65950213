// Which cells of a grid are in sight. No DOM.

export interface Layout {
  columns: number
  rows: number
  cellWidth: number
  cellHeight: number
  height: number // of all rows, px
}

export const GAP = 6
export const CAPTION_LINE = 22

/** Cells at least `least` px wide that fill `width` px, each with some lines of text. */
export function layoutOf(count: number, width: number, least: number, lines: number): Layout {
  const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)))
  const cellWidth = Math.max(1, Math.floor((width + GAP) / columns) - GAP)
  const cellHeight = cellWidth + lines * CAPTION_LINE
  const rows = Math.ceil(count / columns)
  return { columns, rows, cellWidth, cellHeight, height: Math.max(0, rows * (cellHeight + GAP) - GAP) }
}

/** First and one past the last row in sight, with `spare` rows more at both ends. */
export function rowsInSight(layout: Layout, top: number, height: number, spare: number): [number, number] {
  const step = layout.cellHeight + GAP
  const first = Math.max(0, Math.floor(top / step) - spare)
  const last = Math.min(layout.rows, Math.ceil((top + height) / step) + spare)
  return [Math.min(first, last), last]
}

/** Where to scroll so that a row is wholly in sight; the same place where it already is. */
export function scrollTo(layout: Layout, row: number, top: number, height: number): number {
  const step = layout.cellHeight + GAP
  const start = row * step
  if (start < top) return start
  return start + layout.cellHeight > top + height ? start + layout.cellHeight - height : top
}
