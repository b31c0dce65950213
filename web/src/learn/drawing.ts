// What a person draws, made like the digits of the data set: centred, as high as the image, 8x8.
// There, each cell counts the set pixels of 4x4 in a 32x32 bitmap: 0 to 16, here 0 to 1.

const SIDE = 32

/** The 8x8 image of a drawing; `ink` is 0 to 1, side x side. All zero where nothing is drawn. */
export function toDigit(ink: ArrayLike<number>, side: number): Float32Array {
  const out = new Float32Array(64)
  let [top, bottom, left, right] = [side, -1, side, -1]
  for (let i = 0; i < side * side; i++) {
    if (ink[i]! < 0.5) continue
    const [r, c] = [Math.floor(i / side), i % side]
    ;[top, bottom] = [Math.min(top, r), Math.max(bottom, r)]
    ;[left, right] = [Math.min(left, c), Math.max(right, c)]
  }
  if (bottom < 0) return out
  const extent = Math.max(bottom - top, right - left) + 1
  const [middleRow, middleColumn] = [(top + bottom + 1) / 2, (left + right + 1) / 2]
  for (let i = 0; i < SIDE * SIDE; i++) {
    const y = Math.floor(middleRow + ((Math.floor(i / SIDE) + 0.5) / SIDE - 0.5) * extent)
    const x = Math.floor(middleColumn + (((i % SIDE) + 0.5) / SIDE - 0.5) * extent)
    if (y < 0 || x < 0 || y >= side || x >= side || ink[y * side + x]! < 0.5) continue
    const cell = Math.floor(i / SIDE / 4) * 8 + Math.floor((i % SIDE) / 4)
    out[cell] = out[cell]! + 1 / 16
  }
  return out
}
