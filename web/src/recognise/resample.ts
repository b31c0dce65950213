// Bicubic and bilinear resampling as Pillow 13 does it, to the bit: weights of 22 bits, 8 bits between the two passes.

const PRECISION_BITS = 22
const ROUNDING = 1 << (PRECISION_BITS - 1)

/** Pixels row by row, `channels` bytes each. */
export interface Pixels {
  width: number
  height: number
  channels: number
  values: Uint8Array | Uint8ClampedArray
}

/** left, top, right, bottom in source pixels. */
export type Box = readonly [number, number, number, number]

interface Weights {
  starts: Int32Array // the first source cell of each output cell
  counts: Int32Array
  values: Int32Array // `size` of them for each output cell
  size: number
}

/** Keys' kernel with a = -0.5. */
function cubic(distance: number): number {
  const x = Math.abs(distance)
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0
}

const linear = (distance: number): number => Math.max(0, 1 - Math.abs(distance))

export type Interpolation = 'bicubic' | 'bilinear'

const KERNELS = { bicubic: { weight: cubic, reach: 2 }, bilinear: { weight: linear, reach: 1 } }

function weightsOf(length: number, from: number, to: number, outputs: number, by: Interpolation): Weights {
  const { weight: kernel, reach } = KERNELS[by]
  const [start, end] = [Math.fround(from), Math.fround(to)]
  const scale = Math.fround(end - start) / outputs
  const stretch = Math.max(1, scale)
  const support = reach * stretch
  const size = Math.ceil(support) * 2 + 1
  const starts = new Int32Array(outputs)
  const counts = new Int32Array(outputs)
  const values = new Int32Array(outputs * size)
  for (let i = 0; i < outputs; i++) {
    const centre = start + (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - support + 0.5))
    const count = Math.min(length, Math.trunc(centre + support + 0.5)) - first
    const cells = Array.from({ length: count }, (_, k) => kernel((k + first - centre + 0.5) * (1 / stretch)))
    const total = cells.reduce((sum, weight) => sum + weight, 0)
    starts[i] = first
    counts[i] = count
    cells.forEach((cell, k) => {
      const weight = (total === 0 ? cell : cell / total) * 2 ** PRECISION_BITS
      values[i * size + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)
    })
  }
  return { starts, counts, values, size }
}

function level(sum: number): number {
  const value = sum >> PRECISION_BITS
  return value < 0 ? 0 : value > 255 ? 255 : value
}

function alongRows({ width, height, channels, values }: Pixels, outputs: number, weights: Weights): Pixels {
  const out = new Uint8Array(height * outputs * channels)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < outputs; x++) {
      const [count, first] = [weights.counts[x]!, (y * width + weights.starts[x]!) * channels]
      for (let c = 0; c < channels; c++) {
        let sum = ROUNDING
        for (let k = 0, w = x * weights.size, p = first + c; k < count; k++, w++, p += channels)
          sum = (sum + values[p]! * weights.values[w]!) | 0
        out[at++] = level(sum)
      }
    }
  }
  return { width: outputs, height, channels, values: out }
}

function alongColumns({ width, channels, values }: Pixels, outputs: number, weights: Weights): Pixels {
  const row = width * channels
  const out = new Uint8Array(outputs * row)
  const sums = new Int32Array(row)
  for (let y = 0; y < outputs; y++) {
    sums.fill(ROUNDING)
    for (let k = 0; k < weights.counts[y]!; k++) {
      const weight = weights.values[y * weights.size + k]!
      const first = (weights.starts[y]! + k) * row
      for (let i = 0; i < row; i++) sums[i] = (sums[i]! + values[first + i]! * weight) | 0
    }
    for (let i = 0; i < row; i++) out[y * row + i] = level(sums[i]!)
  }
  return { width, height: outputs, channels, values: out }
}

/** The part of an image in `box` as width x height pixels. */
export function resample(image: Pixels, width: number, height: number, box: Box, by: Interpolation): Pixels {
  const [left, top, right, bottom] = box
  const rows = (from: Pixels): Pixels =>
    width !== image.width || left !== 0 || right !== width
      ? alongRows(from, width, weightsOf(image.width, left, right, width, by))
      : from
  const columns = (from: Pixels): Pixels =>
    height !== image.height || top !== 0 || bottom !== height
      ? alongColumns(from, height, weightsOf(image.height, top, bottom, height, by))
      : from
  // Pillow rounds to 8 bits after the first pass, so the order of the two shows in the levels
  const columnsFirst = image.height - height > 2 * Math.max(0, image.width - width)
  return columnsFirst ? rows(columns(image)) : columns(rows(image))
}
