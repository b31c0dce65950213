// The playground's image: the one on the page, as grey 0..255.
import { grey, MAX_SIDE } from '../shared/readImage'
import type { Grid } from '../shared/convolution'
import { valuesOf } from './unpack'
import { layers } from './state.svelte'

/** The page's own image in grey, every n-th pixel where it is large. */
export function pageImageInGrey(): Grid {
  const layer = layers[0]!
  const [channels, height, width] = layer.shape as [number, number, number]
  if (!layer.maps.length) return { height: 4, width: 4, values: new Float64Array(16) }
  const values = valuesOf(layer)
  const cells = height * width
  const step = Math.ceil(Math.max(height, width) / MAX_SIDE)
  const h = Math.ceil(height / step)
  const w = Math.ceil(width / step)
  const out = new Float64Array(h * w)
  for (let i = 0; i < out.length; i++) {
    const at = Math.floor(i / w) * step * width + (i % w) * step
    out[i] = channels === 3 ? grey(values[at]!, values[at + cells]!, values[at + 2 * cells]!) : values[at]!
  }
  return { height: h, width: w, values: out }
}
