// Dropout: in training a share of the values is 0 and the others are scaled up (Srivastava et al., 2014).
import type { Layer } from './layer'
import { seeded, type Random } from './random'
import type { Shape } from './spec'

/** Dropout of a share `rate` of all values, chosen anew for every batch; without training nothing changes. */
export function dropout(rate: number, shape: Shape, random: Random): Layer {
  const chance = seeded(Math.floor(random() * 2 ** 32))
  let factors = new Float32Array(0) // of the last batch: 0, or 1 / (1 - rate)
  return {
    kind: 'dropout',
    input: shape,
    output: shape,
    parameters: [],
    forward(x, _, training = false) {
      if (!training) return x
      factors = x.map(() => (chance() < rate ? 0 : 1 / (1 - rate)))
      return x.map((v, i) => v * factors[i]!)
    },
    backward: (gradient) => gradient.map((g, i) => g * factors[i]!),
  }
}
