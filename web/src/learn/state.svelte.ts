// What the whole course shares: the sample image, the digits, the chapter, the tasks that are solved.
import packed from './data/digits.bin?url'
import { splitDigits, unpackDigits, type Images } from './core'
import { fromBase64 } from '../shared/base64'
import type { GreyImage } from '../shared/readImage'

export interface Sample {
  target: number | null // its class, where that is known
  small: Float64Array // 8 x 8, whole numbers 0 to 16
  large: Float64Array // 32 x 32, 0 to 16
}

export const LEVELS = 16
export const SMALL = 8
export const LARGE = 32

export const digits: Images = unpackDigits(fromBase64(packed.slice(packed.indexOf(',') + 1)))
export const split = splitDigits(digits)

/** The image in n x n cells: means over the areas that a cell covers. */
export function resample(values: ArrayLike<number>, side: number, n: number): Float64Array {
  if (n > side) return enlarge(values, side, n)
  const out = new Float64Array(n * n)
  const step = side / n
  for (let r = 0; r < n; r++)
    for (let c = 0; c < n; c++) {
      let [sum, weight] = [0, 0]
      for (let y = Math.floor(r * step); y < (r + 1) * step; y++)
        for (let x = Math.floor(c * step); x < (c + 1) * step; x++) {
          const share =
            (Math.min(y + 1, (r + 1) * step) - Math.max(y, r * step)) *
            (Math.min(x + 1, (c + 1) * step) - Math.max(x, c * step))
          sum += share * values[y * side + x]!
          weight += share
        }
      out[r * n + c] = sum / weight
    }
  return out
}

function enlarge(values: ArrayLike<number>, side: number, n: number): Float64Array {
  const inside = (k: number): number => Math.min(Math.max(k, 0), side - 1)
  return Float64Array.from({ length: n * n }, (_, i) => {
    const y = ((Math.floor(i / n) + 0.5) * side) / n - 0.5
    const x = (((i % n) + 0.5) * side) / n - 0.5
    const [r, c] = [Math.floor(y), Math.floor(x)]
    const [v, u] = [y - r, x - c]
    const at = (row: number, column: number): number => values[inside(row) * side + inside(column)]!
    return (1 - v) * ((1 - u) * at(r, c) + u * at(r, c + 1)) + v * ((1 - u) * at(r + 1, c) + u * at(r + 1, c + 1))
  })
}

/** The first unseen digit of a class, as the sample. */
export function digitSample(target: number): Sample {
  const at = split.test.targets.indexOf(target)
  const small = Float64Array.from(split.test.pixels.subarray(at * 64, (at + 1) * 64), (v) => Math.round(v * LEVELS))
  return { target, small, large: enlarge(small, SMALL, LARGE) }
}

/** The middle square of an image file, as the sample. */
export function imageSample(image: GreyImage): Sample {
  const side = Math.min(image.height, image.width)
  const top = Math.floor((image.height - side) / 2)
  const left = Math.floor((image.width - side) / 2)
  const square = Float64Array.from({ length: side * side }, (_, i) => {
    const at = (top + Math.floor(i / side)) * image.width + left + (i % side)
    return (image.values[at]! / 255) * LEVELS
  })
  return { target: null, small: resample(square, side, SMALL).map(Math.round), large: resample(square, side, LARGE) }
}

export const sample = $state<{ current: Sample }>({ current: digitSample(3) })

/** The sample as a network receives it: 64 pixels of 0 to 1. */
export const samplePixels = (): Float32Array => Float32Array.from(sample.current.small, (v) => v / LEVELS)

/** What was solved: "padding/1". */
export const solved = $state<Record<string, boolean>>({})

const STORED = 'foveal-learn'
export const keeping = $state<{ on: boolean; possible: boolean }>({ on: false, possible: false })

/** Read what an earlier visit kept; the page's storage may not exist. */
export function restore(): void {
  try {
    const text = localStorage.getItem(STORED)
    keeping.possible = true
    if (text === null) return
    keeping.on = true
    for (const id of JSON.parse(text) as unknown[]) if (typeof id === 'string') solved[id] = true
  } catch {
    keeping.on = false
  }
}

/** Keep the solved tasks, where the reader wants it; or forget them. */
export function store(): void {
  try {
    if (keeping.on) localStorage.setItem(STORED, JSON.stringify(Object.keys(solved)))
    else localStorage.removeItem(STORED)
  } catch {
    keeping.possible = false
  }
}
