// Makes the layer of a spec; holds flatten, fully connected layers and activations.
import { batchNorm } from './batchNorm'
import { convolution } from './convolution'
import { dropout } from './dropout'
import { parameter, type Layer, type Maps } from './layer'
import { multiply, multiplyTransposedFirst, multiplyTransposedSecond } from './matrix'
import { pooling } from './pooling'
import { heUniform, type Random } from './random'
import { isActivation, valuesIn, type ActivationKind, type LayerSpec, type Shape } from './spec'

/** The layer of a spec over an input; shapes must have been checked. `biased`: whether it adds a bias. */
export function makeLayer(spec: LayerSpec, input: Shape, biased: boolean, random: Random): Layer {
  if (spec.kind === 'conv') return convolution(spec, input as Maps, biased, random)
  if (spec.kind === 'dense') return dense(spec.units, input, biased, random)
  if (spec.kind === 'flatten') return flatten(input)
  if (spec.kind === 'batch_norm') return batchNorm(input)
  if (spec.kind === 'dropout') return dropout(spec.rate, input, random)
  if (isActivation(spec.kind)) return activation(spec.kind, input)
  return pooling(spec as Extract<LayerSpec, { kind: 'max_pool' }>, input as Maps)
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

function dense(units: number, input: Shape, biased: boolean, random: Random): Layer {
  const inputs = valuesIn(input)
  const weight = parameter('weight', heUniform(units * inputs, inputs, random))
  const bias = parameter('bias', new Float32Array(units))
  let given: Float32Array = new Float32Array(0)
  return {
    kind: 'dense',
    input,
    output: [units],
    parameters: biased ? [weight, bias] : [weight],
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
