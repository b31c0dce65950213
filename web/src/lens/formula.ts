// The arithmetic of one output value, computed anew from the numbers on the page.
import { activate, activations, plain, orientKernel, windowAt, type WindowSettings } from '../shared/convolution'
import { int32, mapOf, float32, sizeOf } from './unpack'
import type { Layer } from './types'

export interface Term {
  map: number // the input map
  window: number[]
  padded: boolean[]
  weights: number[]
  products: number[]
  sum: number
}

export interface ConvSum {
  kernel: [number, number]
  terms: Term[]
  remainder: number | null // what input maps that are not on the page add
  others: number // how many those are
  bias: number | null
  total: number
}

/** The value of the forward pass at a position of a map. */
export function recordedValue(layer: Layer, map: number, row: number, column: number): number {
  const [, width] = sizeOf(layer)
  return mapOf(layer, map)?.[row * width + column] ?? NaN
}

export function windowSettingsOf(layer: Layer): WindowSettings {
  const s = layer.hyperparameters
  return {
    stride: s.stride ?? [1, 1],
    padding: s.padding ?? [0, 0, 0, 0],
    mode: s.mode ?? 'constant',
    value: s.value ?? 0,
    dilation: s.dilation ?? [1, 1],
    flip: s.flip ?? false,
  }
}

/** The weights of one output map for one input map; empty where it is not on the page. */
export function filterOf(layer: Layer, map: number, input: number): number[] {
  const filters = layer.filters!
  const [kh, kw] = layer.hyperparameters.kernel!
  const o = layer.maps.indexOf(map)
  const i = filters.input_maps.indexOf(input)
  if (o < 0 || i < 0) return []
  const all = float32(filters, 'weights', filters.weights)
  const at = (o * filters.input_maps.length + i) * kh * kw
  return Array.from(all.subarray(at, at + kh * kw))
}

/** The input maps on the page that a filter reads: those of its group. */
export function inputMapsOf(layer: Layer, source: Layer, map: number): number[] {
  const groups = layer.hyperparameters.groups ?? 1
  const outOf = layer.shape[0]! / groups
  const into = source.shape[0]! / groups
  const group = Math.floor(map / outOf)
  return layer.filters!.input_maps.filter((input) => Math.floor(input / into) === group)
}

export function convSum(layer: Layer, source: Layer, map: number, row: number, column: number): ConvSum {
  const kernel = layer.hyperparameters.kernel!
  const settings = windowSettingsOf(layer)
  const [height, width] = sizeOf(source)
  const seen = inputMapsOf(layer, source, map)
  const terms = seen.map((input): Term => {
    const values = mapOf(source, input)!
    const { values: window, padded } = windowAt({ height, width, values }, kernel, settings, row, column)
    const weights = orientKernel(filterOf(layer, map, input), settings.flip)
    const products = window.map((v, k) => v * weights[k]!)
    return { map: input, window, padded, weights, products, sum: products.reduce((a, b) => a + b, 0) }
  })
  const filters = layer.filters!
  const o = layer.maps.indexOf(map)
  const [outHeight, outWidth] = sizeOf(layer)
  const remainder = filters.remainder
    ? float32(filters, 'remainder', filters.remainder)[o * outHeight * outWidth + row * outWidth + column]!
    : null
  const bias = filters.bias ? float32(filters, 'bias', filters.bias)[o]! : null
  const total = terms.reduce((sum, term) => sum + term.sum, 0) + (remainder ?? 0) + (bias ?? 0)
  const inGroup = source.shape[0]! / (layer.hyperparameters.groups ?? 1)
  return { kernel, terms, remainder, others: inGroup - seen.length, bias, total }
}

export interface PoolResult {
  kernel: [number, number]
  window: number[]
  padded: boolean[]
  counted: number // cells the mean is over
  maxIndex: number // position of the largest value
  total: number
}

export function poolResult(layer: Layer, source: Layer, map: number, row: number, column: number): PoolResult {
  const [height, width] = sizeOf(source)
  const whole = layer.kind.startsWith('global')
  const kernel: [number, number] = whole ? [height, width] : layer.hyperparameters.kernel!
  const isMax = layer.kind.includes('max')
  const settings: WindowSettings = whole ? plain : { ...windowSettingsOf(layer), value: isMax ? -Infinity : 0 }
  const values = mapOf(source, map)!
  const { values: window, padded } = windowAt({ height, width, values }, kernel, settings, row, column)
  const beyond = overhang(layer, source, kernel, row, column)
  const inside = window.filter((_, k) => !padded[k])
  const counted = layer.hyperparameters.count_padding === false ? inside.length : window.length - beyond
  const sum = inside.reduce((a, b) => a + b, 0)
  const largest = inside.reduce((a, b) => Math.max(a, b), -Infinity)
  return { kernel, window, padded, counted, maxIndex: window.indexOf(largest), total: isMax ? largest : sum / counted }
}

/** Cells of the last windows that lie beyond the padding (`ceil` pooling): they are not counted. */
function overhang(layer: Layer, source: Layer, kernel: [number, number], row: number, column: number): number {
  if (layer.kind.startsWith('global')) return 0
  const s = windowSettingsOf(layer)
  const [height, width] = sizeOf(source)
  const high = Math.max(0, row * s.stride[0] + kernel[0] - (height + s.padding[0] + s.padding[1]))
  const wide = Math.max(0, column * s.stride[1] + kernel[1] - (width + s.padding[2] + s.padding[3]))
  return kernel[0] * kernel[1] - (kernel[0] - high) * (kernel[1] - wide)
}

export interface DenseSum {
  parts: { index: number; value: number; weight: number; product: number }[]
  remainder: number
  others: number
  bias: number | null
  total: number
}

/** The weighted sum of one unit; the largest products first. */
export function denseSum(layer: Layer, unit: number): DenseSum {
  const u = layer.units!
  const at = layer.maps.indexOf(unit)
  const from = at * u.count
  const index = int32(u.index).subarray(from, from + u.count)
  const weights = float32(u, 'weights', u.weights).subarray(from, from + u.count)
  const values = float32(u, 'values', u.values).subarray(from, from + u.count)
  const parts = Array.from(index, (i, k) => ({
    index: i,
    value: values[k]!,
    weight: weights[k]!,
    product: values[k]! * weights[k]!,
  }))
  const remainder = float32(u, 'remainder', u.remainder)[at]!
  const bias = u.bias ? float32(u, 'bias', u.bias)[at]! : null
  const total = parts.reduce((sum, part) => sum + part.product, 0) + remainder + (bias ?? 0)
  return { parts, remainder, others: u.total - u.count, bias, total }
}

export interface NormResult {
  given: number
  mean: number
  variance: number
  scale: number
  shift: number
  epsilon: number
  total: number
}

export function normResult(layer: Layer, source: Layer, map: number, row: number, column: number): NormResult {
  const n = layer.norm!
  const at = layer.maps.indexOf(map)
  const [, width] = sizeOf(layer)
  const group = n.per === 'group' ? Math.floor((map * n.groups) / layer.shape[0]!) : 0
  const where = n.per === 'map' ? at : n.per === 'position' ? row * width + column : group
  const mean = float32(n, 'mean', n.mean)[where]!
  const variance = float32(n, 'variance', n.variance)[where]!
  const scale = n.scale ? float32(n, 'scale', n.scale)[at]! : 1
  const shift = n.shift ? float32(n, 'shift', n.shift)[at]! : 0
  const given = recordedValue(source, map, row, column)
  return {
    given,
    mean,
    variance,
    scale,
    shift,
    epsilon: n.epsilon,
    total: ((given - mean) / Math.sqrt(variance + n.epsilon)) * scale + shift,
  }
}

export const ACTIVATIONS = new Set<string>(activations.filter((kind) => kind !== 'none'))
export const NORMS = new Set(['batch_norm', 'layer_norm', 'group_norm'])
const isElementwise = (kind: string): boolean => ACTIVATIONS.has(kind) || NORMS.has(kind)

/** The norms and activations that directly follow a layer, in order. */
export function followingLayers(layers: readonly Layer[], layer: Layer): Layer[] {
  const found: Layer[] = []
  let at = layer
  for (;;) {
    const next = layers.filter((other) => other.inputs.includes(at.id))
    if (next.length !== 1 || !isElementwise(next[0]!.kind)) return found
    at = next[0]!
    found.push(at)
  }
}

/** The output of an elementwise layer for one value. */
export function elementwise(layer: Layer, source: Layer, map: number, row: number, column: number): number {
  if (NORMS.has(layer.kind)) return normResult(layer, source, map, row, column).total
  return activate(layer.kind, recordedValue(source, map, row, column), layer.hyperparameters)
}
