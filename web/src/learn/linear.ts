// The simplest classifier of the digits: one fully connected layer, trained here in a moment.
import { evaluate, makeNetwork, train, type Network } from './core'
import { split } from './state.svelte'

const SETTINGS = { optimiser: 'adam', learningRate: 0.05, batchSize: 64, epochs: 8, seed: 2 } as const
let ready: { network: Network; accuracy: number } | null = null

/** The classifier and its accuracy on unseen digits; trained when first asked for. */
export function linearClassifier(): { network: Network; accuracy: number } {
  if (!ready) {
    const network = makeNetwork([{ kind: 'flatten' }], [1, 8, 8], 10, 2)
    for (const p of network.layers.at(-1)!.parameters) p.value.fill(0)
    const steps = train(network, split.train, SETTINGS)
    while (!steps.next().done);
    ready = { network, accuracy: evaluate(network, split.test).accuracy }
  }
  return ready
}

/** The weights (10 x 64) and biases of its dense layer. */
export function linearWeights(): { weight: Float32Array; bias: Float32Array } {
  const [weight, bias] = linearClassifier().network.layers.at(-1)!.parameters
  return { weight: weight!.value, bias: bias!.value }
}

/** Its logits for 64 pixels of 0 to 16. */
export function linearLogits(pixels: ArrayLike<number>): number[] {
  const { weight, bias } = linearWeights()
  return Array.from({ length: 10 }, (_, k) => {
    let sum = bias[k]!
    for (let i = 0; i < 64; i++) sum += (weight[k * 64 + i]! * pixels[i]!) / 16
    return sum
  })
}
