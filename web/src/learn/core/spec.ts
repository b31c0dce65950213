// A network as a person composes it: its layers, and the shape, weights and problems of each.
import { outputSide as sideOf, samePadding, type Four } from '../../shared/convolution'

export const activationKinds = ['relu', 'leaky_relu', 'tanh', 'sigmoid'] as const
export type ActivationKind = (typeof activationKinds)[number]

/** Cells at top, bottom, left and right; `valid` is none, `same` gives ceil(n / stride). */
export type Padding = 'same' | 'valid' | Four

export type LayerSpec =
  | { kind: 'conv'; channels: number; kernel: number; stride: number; padding: Padding }
  | { kind: ActivationKind }
  | { kind: 'max_pool' | 'avg_pool'; size: number; stride: number }
  | { kind: 'flatten' }
  | { kind: 'dense'; units: number }
  | { kind: 'batch_norm' }
  | { kind: 'dropout'; rate: number }

export type ConvSpec = Extract<LayerSpec, { kind: 'conv' }>

/** Channels, height, width; or the number of values of a vector. */
export type Shape = readonly [number, number, number] | readonly [number]

export type Problem =
  | { kind: 'vanishes'; window: number; side: number; padding: number } // least on each side that helps
  | { kind: 'pool-vanishes'; window: number; side: number; padding: number | null } // of the convolutions before
  | { kind: 'needs-maps' }
  | { kind: 'needs-vector' }

export interface LayerShape {
  shape: Shape | null // null: there is no output, see problem
  weights: number
  problem: Problem | null
}

/** floor((n + 2 · padding - kernel) / stride) + 1 */
export const outputSide = (n: number, kernel: number, stride: number, padding: number): number =>
  sideOf(n, kernel, stride, padding, padding)

/** The cells that a convolution adds around a map. */
export function paddingOf({ padding, kernel, stride }: ConvSpec, height: number, width: number): Four {
  if (padding === 'valid') return [0, 0, 0, 0]
  return padding === 'same' ? samePadding([height, width], [kernel, kernel], [stride, stride]) : padding
}

/** Height and width of a convolution's maps; 0 or less where nothing would be left. */
export function convolutionSides(spec: ConvSpec, height: number, width: number): [number, number] {
  const [top, bottom, left, right] = paddingOf(spec, height, width)
  const { kernel, stride } = spec
  return [sideOf(height, kernel, stride, top, bottom), sideOf(width, kernel, stride, left, right)]
}

/** The convolution with at least `cells` on each side. */
export function padAtLeast(spec: ConvSpec, cells: number): ConvSpec {
  const sides = paddingOf({ ...spec, stride: 1 }, spec.kernel, spec.kernel)
  if (Math.min(...sides) >= cells) return spec
  return { ...spec, padding: sides.map((n) => Math.max(n, cells)) as Four }
}

/** Whether layer `at` adds a bias: not where batch norm follows, which has its own. */
export const hasBias = (layers: readonly LayerSpec[], at: number): boolean => layers[at + 1]?.kind !== 'batch_norm'

export const isActivation = (kind: string): kind is ActivationKind =>
  (activationKinds as readonly string[]).includes(kind)

export const valuesIn = (shape: Shape): number => shape.reduce((a, b) => a * b, 1)

/** The shape after every layer; after the first problem all shapes are null. */
export function shapesOf(layers: readonly LayerSpec[], input: Shape): LayerShape[] {
  let shape: Shape | null = input
  return layers.map((layer, at) => {
    if (!shape) return { shape: null, weights: 0, problem: null }
    const found = shapeAfter(layer, shape, hasBias(layers, at))
    if (found.problem?.kind === 'pool-vanishes') found.problem.padding = paddingBefore(layers, input, at)
    shape = found.shape
    return found
  })
}

function shapeAfter(layer: LayerSpec, from: Shape, biased = true): LayerShape {
  const nothing = { weights: 0, problem: null }
  if (layer.kind === 'flatten') return { ...nothing, shape: [valuesIn(from)] }
  if (layer.kind === 'dense') {
    if (from.length === 3) return failed({ kind: 'needs-vector' })
    const weights = layer.units * (from[0] + Number(biased))
    return { ...nothing, shape: [layer.units], weights }
  }
  if (layer.kind === 'conv') return from.length === 3 ? convShape(layer, from, biased) : failed({ kind: 'needs-maps' })
  if (layer.kind === 'batch_norm') return { ...nothing, shape: from, weights: 2 * from[0] }
  if (layer.kind === 'max_pool' || layer.kind === 'avg_pool') {
    if (from.length !== 3) return failed({ kind: 'needs-maps' })
    const [c, h, w] = from
    const sides = [h, w].map((n) => outputSide(n, layer.size, layer.stride, 0))
    if (Math.min(...sides) < 1)
      return failed({ kind: 'pool-vanishes', window: layer.size, side: Math.min(h, w), padding: null })
    return { ...nothing, shape: [c, sides[0]!, sides[1]!] }
  }
  return { ...nothing, shape: from }
}

const failed = (problem: Problem): LayerShape => ({ shape: null, weights: 0, problem })

function convShape(layer: ConvSpec, [c, h, w]: readonly [number, number, number], biased: boolean): LayerShape {
  const [height, width] = convolutionSides(layer, h, w)
  const side = Math.min(h, w)
  if (Math.min(height, width) < 1) {
    return failed({ kind: 'vanishes', window: layer.kernel, side, padding: Math.ceil((layer.kernel - side) / 2) })
  }
  const perOutput = c * layer.kernel ** 2
  return {
    shape: [layer.channels, height, width],
    weights: layer.channels * (perOutput + Number(biased)),
    problem: null,
  }
}

/** The padding that, in all convolutions before layer `at`, leaves the pool something to pool; or null. */
function paddingBefore(layers: readonly LayerSpec[], input: Shape, at: number): number | null {
  for (let padding = 1; padding <= 3; padding++) {
    const tried = layers.slice(0, at + 1).map((layer) => (layer.kind === 'conv' ? padAtLeast(layer, padding) : layer))
    if (!tried.some((layer) => layer.kind === 'conv')) return null
    let shape: Shape | null = input
    for (const layer of tried) shape = shape && shapeAfter(layer, shape).shape
    if (shape) return padding
  }
  return null
}

/** The network the page proposes for the 8x8 digits. */
export const suggested: readonly LayerSpec[] = [
  { kind: 'conv', channels: 16, kernel: 3, stride: 1, padding: 'same' },
  { kind: 'relu' },
  { kind: 'max_pool', size: 2, stride: 2 },
  { kind: 'conv', channels: 32, kernel: 3, stride: 1, padding: 'same' },
  { kind: 'relu' },
  { kind: 'max_pool', size: 2, stride: 2 },
  { kind: 'flatten' },
  { kind: 'dense', units: 32 },
  { kind: 'relu' },
]
