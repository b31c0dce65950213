// Max and average pooling.
import type { Layer, Maps } from './layer'
import { outputSide } from './spec'

/** The pooling of a spec; without padding. */
export function pooling(spec: { kind: 'max_pool' | 'avg_pool'; size: number; stride: number }, input: Maps): Layer {
  const [channels, height, width] = input
  const rows = outputSide(height, spec.size, spec.stride, 0)
  const columns = outputSide(width, spec.size, spec.stride, 0)
  const area = spec.size * spec.size
  let largest = new Int32Array(0) // where in the input each maximum was
  const offsets = Int32Array.from({ length: area }, (_, k) => Math.floor(k / spec.size) * width + (k % spec.size))
  const corners = Int32Array.from(
    { length: rows * columns },
    (_, i) => Math.floor(i / columns) * spec.stride * width + (i % columns) * spec.stride,
  )
  return {
    kind: spec.kind,
    input,
    output: [channels, rows, columns],
    parameters: [],
    forward(x, n) {
      const y = new Float32Array(channels * n * rows * columns)
      if (largest.length !== y.length) largest = new Int32Array(y.length)
      for (let at = 0, map = 0; map < channels * n; map++) {
        for (let i = 0; i < corners.length; i++, at++) {
          const corner = map * height * width + corners[i]!
          let sum = 0
          let best = corner
          for (let k = 0; k < area; k++) {
            const from = corner + offsets[k]!
            sum += x[from]!
            if (x[from]! > x[best]!) best = from
          }
          largest[at] = best
          y[at] = spec.kind === 'max_pool' ? x[best]! : sum / area
        }
      }
      return y
    },
    backward(gradient, n) {
      const back = new Float32Array(channels * n * height * width)
      for (let at = 0, map = 0; map < channels * n; map++) {
        for (let i = 0; i < corners.length; i++, at++) {
          const g = gradient[at]!
          if (spec.kind === 'max_pool') {
            back[largest[at]!] = back[largest[at]!]! + g
            continue
          }
          const corner = map * height * width + corners[i]!
          for (let k = 0; k < area; k++) back[corner + offsets[k]!] = back[corner + offsets[k]!]! + g / area
        }
      }
      return back
    },
  }
}
