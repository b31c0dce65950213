// The playground's image: the one on the page, or a file, as grey 0..255.
import type { Grid } from './convolution'
import { valuesOf } from './unpack'
import { layers } from './state.svelte'

const MAX_SIDE = 256

/** Grey as Pillow's L: 0.299 red + 0.587 green + 0.114 blue, rounded. */
const grey = (r: number, g: number, b: number): number => (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16

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

/** An image file in grey, at most 256 pixels a side. Rejects where the browser cannot decode it. */
export async function readImage(file: Blob): Promise<Grid> {
  const url = URL.createObjectURL(file)
  try {
    const image = new Image()
    image.src = url
    await image.decode()
    const scale = Math.min(1, MAX_SIDE / Math.max(image.naturalWidth, image.naturalHeight))
    const width = Math.max(1, Math.round(image.naturalWidth * scale))
    const height = Math.max(1, Math.round(image.naturalHeight * scale))
    const canvas = document.createElement('canvas')
    canvas.width = width
    canvas.height = height
    const context = canvas.getContext('2d')!
    context.drawImage(image, 0, 0, width, height)
    const { data } = context.getImageData(0, 0, width, height)
    const values = new Float64Array(height * width)
    for (let i = 0; i < values.length; i++) values[i] = grey(data[4 * i]!, data[4 * i + 1]!, data[4 * i + 2]!)
    return { height, width, values }
  } finally {
    URL.revokeObjectURL(url)
  }
}
