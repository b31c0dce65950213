// Where the parts of a figure stand: side by side, on a new line where the place is too narrow.

export interface Block {
  width: number
  height: number
}

export interface Place {
  x: number
  y: number
}

const TITLE = 22 // above every block

/** The corner of each block, and the height of all. */
export function flow(blocks: readonly Block[], width: number, gap = 34): { at: Place[]; height: number } {
  const at: Place[] = []
  let [x, y, line] = [1, TITLE, 0]
  for (const block of blocks) {
    if (x > 1 && x + block.width > width) {
      x = 1
      y += line + TITLE + 12
      line = 0
    }
    at.push({ x, y })
    x += block.width + gap
    line = Math.max(line, block.height)
  }
  return { at, height: y + line + 4 }
}

/** As flow, for squares of so many cells a side. */
export const flowSquares = (sides: readonly number[], cell: number, width: number, gap?: number) =>
  flow(
    sides.map((n) => ({ width: n * cell, height: n * cell })),
    width,
    gap,
  )

/** What a slider over powers of ten stands for, with two figures. */
export const powerOfTen = (exponent: number): number => Number((10 ** exponent).toPrecision(2))

/** The largest absolute value, never 0. */
export function largest(values: ArrayLike<number>): number {
  let most = 1e-9
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!))
  return most
}

/** A number in a product: a negative one in brackets. */
export const factor = (text: string): string => (text.startsWith('−') || text.startsWith('-') ? `(${text})` : text)

/** The largest absolute difference of two lists. */
export function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!))
  return most
}
