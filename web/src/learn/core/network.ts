// A network made of layers: forward, loss, backward, and the values of every layer for one image.
import type { Layer } from './layer'
import { makeLayer } from './layers'
import { seeded } from './random'
import { hasBias, type LayerSpec, type Shape } from './spec'

export interface Network {
  input: Shape
  classes: number
  layers: Layer[] // the last one is the dense layer to the classes
}

/** The network of the layers, then a dense layer to the classes; the same for the same seed. */
export function makeNetwork(specs: readonly LayerSpec[], input: Shape, classes: number, seed: number): Network {
  const random = seeded(seed)
  const layers: Layer[] = []
  let shape = input
  const all: LayerSpec[] = [...specs, { kind: 'dense', units: classes }]
  all.forEach((spec, at) => {
    const layer = makeLayer(spec, shape, hasBias(all, at), random)
    layers.push(layer)
    shape = layer.output
  })
  return { input, classes, layers }
}

/** The logits of n images, image by image; `training` decides what dropout and batch norm do. */
export const forward = (network: Network, images: Float32Array, n: number, training = false): Float32Array =>
  network.layers.reduce((x, layer) => layer.forward(x, n, training), images)

/** Fill the gradients of all parameters from the gradient by the logits; that by the images is not computed. */
export function backward(network: Network, gradient: Float32Array, n: number): void {
  for (let k = network.layers.length - 1; k >= 0; k--) gradient = network.layers[k]!.backward(gradient, n, k > 0)
}

/** exp(z - max) / sum, for each of the rows of `logits`. */
export function softmax(logits: ArrayLike<number>, classes: number): Float64Array {
  const out = new Float64Array(logits.length)
  for (let from = 0; from < logits.length; from += classes) {
    let [largest, sum] = [-Infinity, 0]
    for (let k = 0; k < classes; k++) largest = Math.max(largest, logits[from + k]!)
    for (let k = 0; k < classes; k++) sum += out[from + k] = Math.exp(logits[from + k]! - largest)
    for (let k = 0; k < classes; k++) out[from + k] = out[from + k]! / sum
  }
  return out
}

export interface Loss {
  mean: number // of -ln p(correct class)
  correct: number // images whose largest logit is that of their class
  gradient: Float32Array // of the mean, by the logits: (p - one hot) / n
}

export function crossEntropy(logits: Float32Array, targets: ArrayLike<number>, classes: number): Loss {
  const n = logits.length / classes
  const probabilities = softmax(logits, classes)
  const gradient = new Float32Array(logits.length)
  let [sum, correct] = [0, 0]
  for (let i = 0; i < n; i++) {
    const target = targets[i]!
    sum -= Math.log(Math.max(probabilities[i * classes + target]!, 1e-300))
    let best = 0
    for (let k = 0; k < classes; k++) {
      const p = probabilities[i * classes + k]!
      if (p > probabilities[i * classes + best]!) best = k
      gradient[i * classes + k] = (p - (k === target ? 1 : 0)) / n
    }
    if (best === target) correct++
  }
  return { mean: sum / n, correct, gradient }
}

/** What a network makes of one image, and its weights. */
export interface NetworkState {
  maps: Float32Array[] // the output of every layer; the last are the logits
  filters: Float32Array[] // the weights of every layer, empty where it has none
  probabilities: number[]
}

export function stateOf(network: Network, image: Float32Array): NetworkState {
  let x = image
  const maps = network.layers.map((layer) => (x = layer.forward(x, 1)))
  const filters = network.layers.map((layer) => layer.parameters[0]?.value.slice() ?? new Float32Array(0))
  return { maps, filters, probabilities: Array.from(softmax(x, network.classes)) }
}
