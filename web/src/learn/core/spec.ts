// A network as a person composes it: its layers, and the shape, weights and problems of each.

export const activationKinds = ['relu', 'leaky_relu', 'tanh', 'sigmoid'] as const
export type ActivationKind = (typeof activationKinds)[number]

export type LayerSpec =
  | { kind: 'conv'; channels: number; kernel: number; stride: number; padding: number }
  | { kind: ActivationKind }
  | { kind: 'max_pool' | 'avg_pool'; size: number; stride: number }
  | { kind: 'flatten' }
  | { kind: 'dense'; units: number }

/** Channels, height, width; or the number of values of a vector. */
export type Shape = readonly [number, number, number] | readonly [number]

export type Problem =
  | { kind: 'vanishes'; window: number; side: number; padding: number | null } // padding of this layer that helps
  | { kind: 'pool-vanishes'; window: number; side: number; padding: number | null } // of the convolutions before
  | { kind: 'needs-maps' }
  | { kind: 'needs-vector' }

export interface LayerShape {
  shape: Shape | null // null: there is no output, see problem
  weights: number
  multiplyAdds: number
  problem: Problem | null
}

/** floor((n + 2 · padding - kernel) / stride) + 1 */
export const outputSide = (n: number, kernel: number, stride: number, padding: number): number =>
  Math.floor((n + 2 * padding - kernel) / stride) + 1

export const isActivation = (kind: string): kind is ActivationKind =>
  (activationKinds as readonly string[]).includes(kind)

export const valuesIn = (shape: Shape): number => shape.reduce((a, b) => a * b, 1)

/** The shape after every layer; after the first problem all shapes are null. */
export function shapesOf(layers: readonly LayerSpec[], input: Shape): LayerShape[] {
  let shape: Shape | null = input
  return layers.map((layer, at) => {
    if (!shape) return { shape: null, weights: 0, multiplyAdds: 0, problem: null }
    const found = shapeAfter(layer, shape)
    if (found.problem?.kind === 'pool-vanishes') found.problem.padding = paddingBefore(layers, input, at)
    shape = found.shape
    return found
  })
}

function shapeAfter(layer: LayerSpec, from: Shape): LayerShape {
  const nothing = { weights: 0, multiplyAdds: 0, problem: null }
  if (layer.kind === 'flatten') return { ...nothing, shape: [valuesIn(from)] }
  if (layer.kind === 'dense') {
    if (from.length === 3) return failed({ kind: 'needs-vector' })
    const weights = layer.units * (from[0] + 1)
    return { ...nothing, shape: [layer.units], weights, multiplyAdds: layer.units * from[0] }
  }
  if (layer.kind === 'conv') return from.length === 3 ? convShape(layer, from) : failed({ kind: 'needs-maps' })
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

const failed = (problem: Problem): LayerShape => ({ shape: null, weights: 0, multiplyAdds: 0, problem })

function convShape(
  layer: Extract<LayerSpec, { kind: 'conv' }>,
  [c, h, w]: readonly [number, number, number],
): LayerShape {
  const height = outputSide(h, layer.kernel, layer.stride, layer.padding)
  const width = outputSide(w, layer.kernel, layer.stride, layer.padding)
  const side = Math.min(h, w)
  if (Math.min(height, width) < 1) {
    return failed({ kind: 'vanishes', window: layer.kernel, side, padding: Math.ceil((layer.kernel - 1) / 2) })
  }
  const perOutput = c * layer.kernel ** 2
  return {
    shape: [layer.channels, height, width],
    weights: layer.channels * (perOutput + 1),
    multiplyAdds: layer.channels * height * width * perOutput,
    problem: null,
  }
}

/** The padding that, in all convolutions before layer `at`, leaves the pool something to pool; or null. */
function paddingBefore(layers: readonly LayerSpec[], input: Shape, at: number): number | null {
  for (let padding = 1; padding <= 3; padding++) {
    const tried = layers
      .slice(0, at + 1)
      .map((layer) => (layer.kind === 'conv' ? { ...layer, padding: Math.max(layer.padding, padding) } : layer))
    if (!tried.some((layer) => layer.kind === 'conv')) return null
    let shape: Shape | null = input
    for (const layer of tried) shape = shape && shapeAfter(layer, shape).shape
    if (shape) return padding
  }
  return null
}

/** The network the page proposes for the 8x8 digits. */
export const suggested: readonly LayerSpec[] = [
  { kind: 'conv', channels: 16, kernel: 3, stride: 1, padding: 1 },
  { kind: 'relu' },
  { kind: 'max_pool', size: 2, stride: 2 },
  { kind: 'conv', channels: 32, kernel: 3, stride: 1, padding: 1 },
  { kind: 'relu' },
  { kind: 'max_pool', size: 2, stride: 2 },
  { kind: 'flatten' },
  { kind: 'dense', units: 32 },
  { kind: 'relu' },
]
