// The layers of a network: forward and backward over a batch.
// Maps are stored channel by channel: value (channel, image, row, column) of `n` images. After flatten
// a batch is image by image. backward() takes the gradient of the loss by the output, fills the
// gradients of the parameters and returns that by the input, where it is needed.
import { multiply, multiplyTransposedFirst, multiplyTransposedSecond } from './matrix'
import { heUniform, type Random } from './random'
import { isActivation, outputSide, valuesIn, type ActivationKind, type LayerSpec, type Shape } from './spec'

export interface Parameter {
  name: 'weight' | 'bias'
  value: Float32Array
  gradient: Float32Array
}

export interface Layer {
  kind: LayerSpec['kind']
  input: Shape
  output: Shape
  parameters: Parameter[]
  forward(x: Float32Array, n: number): Float32Array
  backward(gradient: Float32Array, n: number, needsInput?: boolean): Float32Array
}

type Maps = readonly [number, number, number]

const parameter = (name: Parameter['name'], value: Float32Array): Parameter => ({
  name,
  value,
  gradient: new Float32Array(value.length),
})

/** The layer of a spec over an input; shapes must have been checked. */
export function makeLayer(spec: LayerSpec, input: Shape, random: Random): Layer {
  if (spec.kind === 'conv') return convolution(spec, input as Maps, random)
  if (spec.kind === 'dense') return dense(spec.units, input, random)
  if (spec.kind === 'flatten') return flatten(input)
  if (isActivation(spec.kind)) return activation(spec.kind, input)
  return pooling(spec as Extract<LayerSpec, { kind: 'max_pool' }>, input as Maps)
}

function convolution(spec: Extract<LayerSpec, { kind: 'conv' }>, input: Maps, random: Random): Layer {
  const [channels, height, width] = input
  const { kernel, stride, padding } = spec
  const rows = outputSide(height, kernel, stride, padding)
  const columns = outputSide(width, kernel, stride, padding)
  const taps = channels * kernel * kernel
  const weight = parameter('weight', heUniform(spec.channels * taps, taps, random))
  const bias = parameter('bias', new Float32Array(spec.channels))
  const windows = { channels, height, width, kernel, stride, padding, rows, columns }
  let seen = new Float32Array(0) // the windows of the batch: taps x (n · rows · columns)
  return {
    kind: 'conv',
    input,
    output: [spec.channels, rows, columns],
    parameters: [weight, bias],
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
  padding: number
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
    const down = (Math.floor(tap / w.kernel) % w.kernel) - w.padding
    const across = (tap % w.kernel) - w.padding
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

function pooling(spec: { kind: 'max_pool' | 'avg_pool'; size: number; stride: number }, input: Maps): Layer {
  const [channels, height, width] = input
  const rows = outputSide(height, spec.size, spec.stride, 0)
  const columns = outputSide(width, spec.size, spec.stride, 0)
  const area = spec.size * spec.size
  let largest = new Int32Array(0) // where in the input each maximum was
  const offsets = Int32Array.from({ length: area }, (_, k) => Math.floor(k / spec.size) * width + (k % spec.size))
  const corners = Int32Array.from(
    { length: rows * columns },
    (_, i) => Math.floor(i / columns) * spec.stride * width + (i % columns) * spec.stride,
  )
  return {
    kind: spec.kind,
    input,
    output: [channels, rows, columns],
    parameters: [],
    forward(x, n) {
      const y = new Float32Array(channels * n * rows * columns)
      if (largest.length !== y.length) largest = new Int32Array(y.length)
      for (let at = 0, map = 0; map < channels * n; map++) {
        for (let i = 0; i < corners.length; i++, at++) {
          const corner = map * height * width + corners[i]!
          let sum = 0
          let best = corner
          for (let k = 0; k < area; k++) {
            const from = corner + offsets[k]!
            sum += x[from]!
            if (x[from]! > x[best]!) best = from
          }
          largest[at] = best
          y[at] = spec.kind === 'max_pool' ? x[best]! : sum / area
        }
      }
      return y
    },
    backward(gradient, n) {
      const back = new Float32Array(channels * n * height * width)
      for (let at = 0, map = 0; map < channels * n; map++) {
        for (let i = 0; i < corners.length; i++, at++) {
          const g = gradient[at]!
          if (spec.kind === 'max_pool') {
            back[largest[at]!] = back[largest[at]!]! + g
            continue
          }
          const corner = map * height * width + corners[i]!
          for (let k = 0; k < area; k++) back[corner + offsets[k]!] = back[corner + offsets[k]!]! + g / area
        }
      }
      return back
    },
  }
}

function flatten(input: Shape): Layer {
  const size = valuesIn(input)
  const channels = input.length === 3 ? input[0] : 1
  const cells = size / channels
  /** From channel by channel to image by image, or back. */
  const reorder = (from: Float32Array, n: number, back: boolean): Float32Array => {
    if (input.length !== 3) return from
    const to = new Float32Array(n * size)
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < n; i++) {
        const maps = (c * n + i) * cells
        const row = i * size + c * cells
        for (let k = 0; k < cells; k++) {
          if (back) to[maps + k] = from[row + k]!
          else to[row + k] = from[maps + k]!
        }
      }
    return to
  }
  return {
    kind: 'flatten',
    input,
    output: [size],
    parameters: [],
    forward: (x, n) => reorder(x, n, false),
    backward: (gradient, n) => reorder(gradient, n, true),
  }
}

function dense(units: number, input: Shape, random: Random): Layer {
  const inputs = valuesIn(input)
  const weight = parameter('weight', heUniform(units * inputs, inputs, random))
  const bias = parameter('bias', new Float32Array(units))
  let given: Float32Array = new Float32Array(0)
  return {
    kind: 'dense',
    input,
    output: [units],
    parameters: [weight, bias],
    forward(x, n) {
      given = x
      const y = new Float32Array(n * units)
      multiplyTransposedSecond(x, weight.value, y, n, inputs, units)
      for (let i = 0; i < y.length; i++) y[i] = y[i]! + bias.value[i % units]!
      return y
    },
    backward(gradient, n) {
      multiplyTransposedFirst(gradient, given, weight.gradient, n, units, inputs)
      bias.gradient.fill(0)
      for (let i = 0; i < n * units; i++) bias.gradient[i % units] = bias.gradient[i % units]! + gradient[i]!
      const back = new Float32Array(n * inputs)
      multiply(gradient, weight.value, back, n, units, inputs)
      return back
    },
  }
}

const SLOPE = 0.01
const functions: Record<ActivationKind, { value(x: number): number; slope(x: number, y: number): number }> = {
  relu: { value: (x) => (x > 0 ? x : 0), slope: (x) => (x > 0 ? 1 : 0) },
  leaky_relu: { value: (x) => (x > 0 ? x : SLOPE * x), slope: (x) => (x > 0 ? 1 : SLOPE) },
  tanh: { value: Math.tanh, slope: (_, y) => 1 - y * y },
  sigmoid: { value: (x) => 1 / (1 + Math.exp(-x)), slope: (_, y) => y * (1 - y) },
}

function activation(kind: ActivationKind, shape: Shape): Layer {
  if (kind === 'relu') return relu(shape)
  const f = functions[kind]
  let given: Float32Array = new Float32Array(0)
  let out: Float32Array = new Float32Array(0)
  return {
    kind,
    input: shape,
    output: shape,
    parameters: [],
    forward(x) {
      given = x
      out = x.map(f.value)
      return out
    },
    backward: (gradient) => gradient.map((g, i) => g * f.slope(given[i]!, out[i]!)),
  }
}

/** As the other activations, without a function call for each value. */
function relu(shape: Shape): Layer {
  let given: Float32Array = new Float32Array(0)
  return {
    kind: 'relu',
    input: shape,
    output: shape,
    parameters: [],
    forward(x) {
      given = x
      const y = new Float32Array(x.length)
      for (let i = 0; i < x.length; i++) y[i] = x[i]! > 0 ? x[i]! : 0
      return y
    },
    backward(gradient) {
      const back = new Float32Array(gradient.length)
      for (let i = 0; i < gradient.length; i++) back[i] = given[i]! > 0 ? gradient[i]! : 0
      return back
    },
  }
}
