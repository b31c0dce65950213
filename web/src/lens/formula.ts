// The arithmetic of one output pixel, from the numbers of the page: what was seen, weighed, added.
import { activate, plain, turned, windowAt, type Sliding } from './convolution'
import { integers, mapOf, numbers, sizeOf, valuesOf } from './pack'
import type { Layer } from './types'

export interface Term {
  map: number // the input map
  window: number[]
  padded: boolean[]
  weights: number[]
  products: number[]
  sum: number
}

export interface Summed {
  kernel: [number, number]
  terms: Term[]
  rest: number | null // what input maps that are not on the page add
  others: number // how many those are
  bias: number | null
  total: number
}

/** What the forward pass itself recorded at a place of a map. */
export function recorded(layer: Layer, map: number, row: number, column: number): number {
  const [, width] = sizeOf(layer)
  return mapOf(layer, map)?.[row * width + column] ?? NaN
}

export function slidingOf(layer: Layer): Sliding {
  const s = layer.settings
  return {
    stride: s.stride ?? [1, 1],
    padding: s.padding ?? [0, 0, 0, 0],
    mode: s.mode ?? 'constant',
    value: s.value ?? 0,
    dilation: s.dilation ?? [1, 1],
    flip: s.flip ?? false,
  }
}

/** The filter of one output map for one input map, as learned; empty where it is not on the page. */
export function filterOf(layer: Layer, map: number, input: number): number[] {
  const filters = layer.filters!
  const [kh, kw] = layer.settings.kernel!
  const o = layer.maps.indexOf(map)
  const i = filters.seen.indexOf(input)
  if (o < 0 || i < 0) return []
  const all = numbers(filters, 'weights', filters.weights)
  const at = (o * filters.seen.length + i) * kh * kw
  return Array.from(all.subarray(at, at + kh * kw))
}

/** The input maps a filter looks at: those of its group. */
export function seenBy(layer: Layer, source: Layer, map: number): number[] {
  const groups = layer.settings.groups ?? 1
  const outOf = layer.shape[0]! / groups
  const into = source.shape[0]! / groups
  const group = Math.floor(map / outOf)
  return layer.filters!.seen.filter((input) => Math.floor(input / into) === group)
}

export function convolved(layer: Layer, source: Layer, map: number, row: number, column: number): Summed {
  const kernel = layer.settings.kernel!
  const sliding = slidingOf(layer)
  const [height, width] = sizeOf(source)
  const seen = seenBy(layer, source, map)
  const terms = seen.map((input): Term => {
    const values = mapOf(source, input)!
    const { values: window, padded } = windowAt({ height, width, values }, kernel, sliding, row, column)
    const weights = turned(filterOf(layer, map, input), sliding.flip)
    const products = window.map((v, k) => v * weights[k]!)
    return { map: input, window, padded, weights, products, sum: products.reduce((a, b) => a + b, 0) }
  })
  const filters = layer.filters!
  const o = layer.maps.indexOf(map)
  const [outHeight, outWidth] = sizeOf(layer)
  const rest = filters.rest
    ? numbers(filters, 'rest', filters.rest)[o * outHeight * outWidth + row * outWidth + column]!
    : null
  const bias = filters.bias ? numbers(filters, 'bias', filters.bias)[o]! : null
  const total = terms.reduce((sum, term) => sum + term.sum, 0) + (rest ?? 0) + (bias ?? 0)
  const inGroup = source.shape[0]! / (layer.settings.groups ?? 1)
  return { kernel, terms, rest, others: inGroup - seen.length, bias, total }
}

export interface Pooled {
  kernel: [number, number]
  window: number[]
  padded: boolean[]
  counted: number // cells the mean is over
  winner: number // position of the largest value
  total: number
}

export function pooled(layer: Layer, source: Layer, map: number, row: number, column: number): Pooled {
  const [height, width] = sizeOf(source)
  const whole = layer.kind.startsWith('global')
  const kernel: [number, number] = whole ? [height, width] : layer.settings.kernel!
  const most = layer.kind.includes('max')
  const sliding: Sliding = whole ? plain : { ...slidingOf(layer), value: most ? -Infinity : 0 }
  const values = mapOf(source, map)!
  const { values: window, padded } = windowAt({ height, width, values }, kernel, sliding, row, column)
  const beyond = overhang(layer, source, kernel, row, column)
  const inside = window.filter((_, k) => !padded[k])
  const counted = layer.settings.count_padding === false ? inside.length : window.length - beyond
  const sum = inside.reduce((a, b) => a + b, 0)
  const largest = inside.reduce((a, b) => Math.max(a, b), -Infinity)
  return { kernel, window, padded, counted, winner: window.indexOf(largest), total: most ? largest : sum / counted }
}

/** Cells of the last windows that lie beyond the padding (`ceil` pooling): they count for nothing. */
function overhang(layer: Layer, source: Layer, kernel: [number, number], row: number, column: number): number {
  if (layer.kind.startsWith('global')) return 0
  const s = slidingOf(layer)
  const [height, width] = sizeOf(source)
  const high = Math.max(0, row * s.stride[0] + kernel[0] - (height + s.padding[0] + s.padding[1]))
  const wide = Math.max(0, column * s.stride[1] + kernel[1] - (width + s.padding[2] + s.padding[3]))
  return kernel[0] * kernel[1] - (kernel[0] - high) * (kernel[1] - wide)
}

export interface Weighed {
  parts: { index: number; value: number; weight: number; product: number }[]
  rest: number
  others: number
  bias: number | null
  total: number
}

/** The weighted sum of one unit; the largest products first. */
export function weighed(layer: Layer, unit: number): Weighed {
  const u = layer.units!
  const at = layer.maps.indexOf(unit)
  const from = at * u.count
  const index = integers(u.index).subarray(from, from + u.count)
  const weights = numbers(u, 'weights', u.weights).subarray(from, from + u.count)
  const values = numbers(u, 'values', u.values).subarray(from, from + u.count)
  const parts = Array.from(index, (i, k) => ({ index: i, value: values[k]!, weight: weights[k]!, product: values[k]! * weights[k]! }))
  const rest = numbers(u, 'rest', u.rest)[at]!
  const bias = u.bias ? numbers(u, 'bias', u.bias)[at]! : null
  const total = parts.reduce((sum, part) => sum + part.product, 0) + rest + (bias ?? 0)
  return { parts, rest, others: u.total - u.count, bias, total }
}

export interface Normed {
  given: number
  mean: number
  variance: number
  scale: number
  shift: number
  epsilon: number
  total: number
}

export function normed(layer: Layer, source: Layer, map: number, row: number, column: number): Normed {
  const n = layer.norm!
  const at = layer.maps.indexOf(map)
  const [, width] = sizeOf(layer)
  const group = n.per === 'group' ? Math.floor((map * n.groups) / layer.shape[0]!) : 0
  const where = n.per === 'map' ? at : n.per === 'place' ? row * width + column : group
  const mean = numbers(n, 'mean', n.mean)[where]!
  const variance = numbers(n, 'variance', n.variance)[where]!
  const scale = n.scale ? numbers(n, 'scale', n.scale)[at]! : 1
  const shift = n.shift ? numbers(n, 'shift', n.shift)[at]! : 0
  const given = recorded(source, map, row, column)
  return { given, mean, variance, scale, shift, epsilon: n.epsilon, total: ((given - mean) / Math.sqrt(variance + n.epsilon)) * scale + shift }
}

export const ELEMENTWISE = new Set([
  'batch_norm', 'layer_norm', 'group_norm', 'relu', 'leaky_relu', 'elu', 'gelu', 'silu', 'tanh', 'sigmoid', 'hard_swish',
])
export const CURVED = new Set(['relu', 'leaky_relu', 'elu', 'gelu', 'silu', 'tanh', 'sigmoid', 'hard_swish'])
export const NORMS = new Set(['batch_norm', 'layer_norm', 'group_norm'])

/** The norms and activations that directly follow a layer, in order. */
export function chain(layers: readonly Layer[], layer: Layer): Layer[] {
  const found: Layer[] = []
  let at = layer
  for (;;) {
    const next = layers.filter((other) => other.inputs.includes(at.id))
    if (next.length !== 1 || !ELEMENTWISE.has(next[0]!.kind)) return found
    at = next[0]!
    found.push(at)
  }
}

/** What an elementwise layer makes of one value. */
export function through(layer: Layer, source: Layer, map: number, row: number, column: number): number {
  if (NORMS.has(layer.kind)) return normed(layer, source, map, row, column).total
  return activate(layer.kind, recorded(source, map, row, column), layer.settings)
}

/** All recorded values of a vector layer that are on the page, with their index. */
export function vector(layer: Layer): { index: number; value: number }[] {
  const values = valuesOf(layer)
  return layer.maps.map((index, k) => ({ index, value: values[k]! }))
}
