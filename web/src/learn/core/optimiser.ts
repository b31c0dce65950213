// The step that changes the weights: gradient descent, with Nesterov momentum, or Adam.
import type { Parameter } from './layer'

export const optimisers = ['sgd', 'momentum', 'adam'] as const
export type OptimiserName = (typeof optimisers)[number]

/** A function that moves every parameter once by its gradient. */
export function makeOptimiser(
  name: OptimiserName,
  parameters: Parameter[],
  learningRate: number,
): (rate?: number) => void {
  const first = parameters.map((p) => new Float32Array(p.value.length))
  if (name === 'adam') return adam(parameters, first, learningRate)
  const momentum = name === 'momentum' ? 0.9 : 0
  return (rate = learningRate) => {
    parameters.forEach(({ value, gradient }, at) => {
      const velocity = first[at]!
      for (let i = 0; i < value.length; i++) {
        velocity[i] = momentum * velocity[i]! + (momentum ? gradient[i]! : 0)
        value[i] = value[i]! - rate * (gradient[i]! + momentum * velocity[i]!)
      }
    })
  }
}

/** Kingma and Ba, 2015, with betas 0.9 and 0.999 and epsilon 1e-8, as torch.optim.Adam. */
function adam(parameters: Parameter[], first: Float32Array[], learningRate: number): (rate?: number) => void {
  const second = parameters.map((p) => new Float32Array(p.value.length))
  const [b1, b2, epsilon] = [0.9, 0.999, 1e-8]
  let steps = 0
  return (rate = learningRate) => {
    steps++
    const scale = rate / (1 - b1 ** steps)
    const root = Math.sqrt(1 - b2 ** steps)
    parameters.forEach(({ value, gradient }, at) => {
      const m = first[at]!
      const v = second[at]!
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]!
        m[i] = b1 * m[i]! + (1 - b1) * g
        v[i] = b2 * v[i]! + (1 - b2) * g * g
        value[i] = value[i]! - (scale * m[i]!) / (Math.sqrt(v[i]!) / root + epsilon)
      }
    })
  }
}
