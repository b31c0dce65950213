// Batch normalisation (Ioffe and Szegedy, 2015): each map, or each value of a vector, gets mean 0 and
// variance 1 over the batch, then a learned scale and shift. Without training the means and variances
// are running averages over the batches seen, with momentum 0.1, as in torch.
import { parameter, type Layer } from './layer'
import { valuesIn, type Shape } from './spec'

const EPSILON = 1e-5
const MOMENTUM = 0.1

/** Where the values of a channel stand in a batch: `count` of them, `step` apart, from `first` on. */
function placesOf(shape: Shape, n: number): (channel: number) => { first: number; step: number; count: number } {
  if (shape.length === 1) return (channel) => ({ first: channel, step: shape[0], count: n })
  const count = (n * valuesIn(shape)) / shape[0]
  return (channel) => ({ first: channel * count, step: 1, count })
}

/** Mean and variance of the values of one channel; the variance is divided by their count. */
function momentsOf(x: Float32Array, first: number, step: number, count: number): [mean: number, variance: number] {
  let [sum, squares] = [0, 0]
  for (let k = 0, i = first; k < count; k++, i += step) sum += x[i]!
  const mean = sum / count
  for (let k = 0, i = first; k < count; k++, i += step) squares += (x[i]! - mean) ** 2
  return [mean, squares / count]
}

/** The normalisation of maps, or of a vector. */
export function batchNorm(shape: Shape): Layer {
  const channels = shape[0]
  const scale = parameter('weight', new Float32Array(channels).fill(1))
  const shift = parameter('bias', new Float32Array(channels))
  const runningMean = new Float32Array(channels)
  const runningVariance = new Float32Array(channels).fill(1)
  const inverse = new Float32Array(channels) // 1 / standard deviation, of the last batch
  let normal = new Float32Array(0) // the normalised values of the last batch

  function update(channel: number, mean: number, variance: number, count: number): void {
    const unbiased = count > 1 ? (variance * count) / (count - 1) : variance
    runningMean[channel] = (1 - MOMENTUM) * runningMean[channel]! + MOMENTUM * mean
    runningVariance[channel] = (1 - MOMENTUM) * runningVariance[channel]! + MOMENTUM * unbiased
  }
  return {
    kind: 'batch_norm',
    input: shape,
    output: shape,
    parameters: [scale, shift],
    forward(x, n, training = false) {
      const places = placesOf(shape, n)
      const y = new Float32Array(x.length)
      normal = new Float32Array(x.length)
      for (let c = 0; c < channels; c++) {
        const { first, step, count } = places(c)
        let [mean, variance] = [runningMean[c]!, runningVariance[c]!]
        if (training) {
          ;[mean, variance] = momentsOf(x, first, step, count)
          update(c, mean, variance, count)
        }
        inverse[c] = 1 / Math.sqrt(variance + EPSILON)
        for (let k = 0, i = first; k < count; k++, i += step) {
          normal[i] = (x[i]! - mean) * inverse[c]!
          y[i] = scale.value[c]! * normal[i]! + shift.value[c]!
        }
      }
      return y
    },
    backward(gradient, n) {
      const places = placesOf(shape, n)
      const back = new Float32Array(gradient.length)
      for (let c = 0; c < channels; c++) {
        const { first, step, count } = places(c)
        let [sum, along] = [0, 0] // of the gradient, and of the gradient times the normalised value
        for (let k = 0, i = first; k < count; k++, i += step) {
          sum += gradient[i]!
          along += gradient[i]! * normal[i]!
        }
        scale.gradient[c] = along
        shift.gradient[c] = sum
        const factor = scale.value[c]! * inverse[c]!
        for (let k = 0, i = first; k < count; k++, i += step) {
          back[i] = factor * (gradient[i]! - (sum + normal[i]! * along) / count)
        }
      }
      return back
    },
  }
}
