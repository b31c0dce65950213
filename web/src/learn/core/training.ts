// The training loop: a generator of steps, so that the caller decides when to go on, show or stop.
import { backward, crossEntropy, forward, type Network } from './network'
import { makeOptimiser, type OptimiserName } from './optimiser'
import { seeded, shuffled } from './random'

export interface Images {
  pixels: Float32Array // n x cells, image by image
  targets: Uint8Array
  n: number
}

export interface Hyperparameters {
  optimiser: OptimiserName
  learningRate: number
  batchSize: number
  epochs: number
  seed: number
}

export interface Step {
  epoch: number // in epochs, with its fraction: 1.5 is the middle of the second
  loss: number // of the batch
  correct: number
  images: number
  endsEpoch: boolean
}

/** Train; every batch yields a step. The network is changed in place. */
export function* train(network: Network, data: Images, settings: Hyperparameters): Generator<Step> {
  const parameters = network.layers.flatMap((layer) => layer.parameters)
  const move = makeOptimiser(settings.optimiser, parameters, settings.learningRate)
  const random = seeded(settings.seed)
  const total = settings.epochs * Math.ceil(data.n / settings.batchSize)
  let done = 0
  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    const order = shuffled(data.n, random)
    for (let from = 0; from < data.n; from += settings.batchSize) {
      const chosen = order.subarray(from, Math.min(from + settings.batchSize, data.n))
      const batch = take(data, chosen)
      const logits = forward(network, batch.pixels, batch.n, true)
      const loss = crossEntropy(logits, batch.targets, network.classes)
      backward(network, loss.gradient, batch.n)
      // The rate falls along half a cosine, so that the last steps settle.
      move(settings.learningRate * 0.5 * (1 + Math.cos((Math.PI * done++) / total)))
      const end = from + chosen.length
      const endsEpoch = end === data.n
      yield { epoch: epoch + end / data.n, loss: loss.mean, correct: loss.correct, images: batch.n, endsEpoch }
    }
  }
}

/** The images of the given indices, in that order. */
export function take(data: Images, chosen: ArrayLike<number>): Images {
  const cells = data.pixels.length / data.n
  const pixels = new Float32Array(chosen.length * cells)
  const targets = new Uint8Array(chosen.length)
  for (let i = 0; i < chosen.length; i++) {
    pixels.set(data.pixels.subarray(chosen[i]! * cells, (chosen[i]! + 1) * cells), i * cells)
    targets[i] = data.targets[chosen[i]!]!
  }
  return { pixels, targets, n: chosen.length }
}

export interface Evaluation {
  loss: number
  accuracy: number
}

/** Mean loss and accuracy over all images, in chunks. */
export function evaluate(network: Network, data: Images, chunk = 128): Evaluation {
  let [loss, correct] = [0, 0]
  for (let from = 0; from < data.n; from += chunk) {
    const part = take(
      data,
      Array.from({ length: Math.min(chunk, data.n - from) }, (_, i) => from + i),
    )
    const found = crossEntropy(forward(network, part.pixels, part.n), part.targets, network.classes)
    loss += found.mean * part.n
    correct += found.correct
  }
  return { loss: loss / data.n, accuracy: correct / data.n }
}
