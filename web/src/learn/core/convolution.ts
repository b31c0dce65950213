// The convolution layer: every window of the batch is a column, and all filters are one matrix product.
import { parameter, type Layer, type Maps } from './layer'
import { multiply, multiplyTransposedFirst, multiplyTransposedSecond } from './matrix'
import { heUniform, type Random } from './random'
import { convolutionSides, paddingOf, type LayerSpec } from './spec'

/** The convolution of a spec; `biased` where it adds a number per filter. */
export function convolution(
  spec: Extract<LayerSpec, { kind: 'conv' }>,
  input: Maps,
  biased: boolean,
  random: Random,
): Layer {
  const [channels, height, width] = input
  const { kernel, stride } = spec
  const [top, , left] = paddingOf(spec, height, width)
  const [rows, columns] = convolutionSides(spec, height, width)
  const taps = channels * kernel * kernel
  const weight = parameter('weight', heUniform(spec.channels * taps, taps, random))
  const bias = parameter('bias', new Float32Array(spec.channels))
  const windows = { channels, height, width, kernel, stride, top, left, rows, columns }
  let seen = new Float32Array(0) // the windows of the batch: taps x (n · rows · columns)
  return {
    kind: 'conv',
    input,
    output: [spec.channels, rows, columns],
    parameters: biased ? [weight, bias] : [weight],
    forward(x, n) {
      const cells = n * rows * columns
      if (seen.length !== taps * cells) seen = new Float32Array(taps * cells)
      gather(x, seen, n, windows)
      const y = new Float32Array(spec.channels * cells)
      multiply(weight.value, seen, y, spec.channels, taps, cells)
      for (let o = 0; o < spec.channels; o++) {
        const b = bias.value[o]!
        for (let j = o * cells; j < (o + 1) * cells; j++) y[j] = y[j]! + b
      }
      return y
    },
    backward(gradient, n, needsInput = true) {
      const cells = n * rows * columns
      multiplyTransposedSecond(gradient, seen, weight.gradient, spec.channels, cells, taps)
      for (let o = 0; o < spec.channels; o++) {
        let sum = 0
        for (let j = o * cells; j < (o + 1) * cells; j++) sum += gradient[j]!
        bias.gradient[o] = sum
      }
      if (!needsInput) return gradient
      const spread = new Float32Array(taps * cells)
      multiplyTransposedFirst(weight.value, gradient, spread, spec.channels, taps, cells)
      const back = new Float32Array(channels * n * height * width)
      scatter(spread, back, n, windows)
      return back
    },
  }
}

interface Windows {
  channels: number
  height: number
  width: number
  kernel: number
  stride: number
  top: number // padding
  left: number
  rows: number
  columns: number
}

/** Copy every window of the input into the columns of `seen`; padding is 0. */
function gather(x: Float32Array, seen: Float32Array, n: number, w: Windows): void {
  seen.fill(0)
  eachRow(n, w, (at, from, cells) => {
    for (let q = 0, f = from; q < cells; q++, f += w.stride) seen[at + q] = x[f]!
  })
}

/** Add every window's gradient to the input cells it was copied from. */
function scatter(spread: Float32Array, back: Float32Array, n: number, w: Windows): void {
  eachRow(n, w, (at, from, cells) => {
    for (let q = 0, f = from; q < cells; q++, f += w.stride) back[f] = back[f]! + spread[at + q]!
  })
}

/** Visit one row of one tap over all windows that are not padding: its place among the windows, and in the input. */
function eachRow(n: number, w: Windows, visit: (at: number, from: number, cells: number) => void): void {
  for (let tap = 0; tap < w.channels * w.kernel * w.kernel; tap++) {
    const c = Math.floor(tap / (w.kernel * w.kernel))
    const down = (Math.floor(tap / w.kernel) % w.kernel) - w.top
    const across = (tap % w.kernel) - w.left
    const first = Math.max(0, Math.ceil(-across / w.stride))
    const last = Math.min(w.columns - 1, Math.floor((w.width - 1 - across) / w.stride))
    if (last < first) continue
    for (let i = 0; i < n; i++) {
      for (let r = 0; r < w.rows; r++) {
        const y = r * w.stride + down
        if (y < 0 || y >= w.height) continue
        const from = ((c * n + i) * w.height + y) * w.width + first * w.stride + across
        visit(((tap * n + i) * w.rows + r) * w.columns + first, from, last - first + 1)
      }
    }
  }
}
