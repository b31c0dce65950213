// Unpacks the numbers of a layer on first use and caches them.
import { fromBase64 } from '../shared/base64'
import type { Layer, Packed } from './types'

const floats = new WeakMap<object, Map<string, Float32Array>>()

function cached(owner: object, key: string, make: () => Float32Array): Float32Array {
  let known = floats.get(owner)
  if (!known) floats.set(owner, (known = new Map()))
  let found = known.get(key)
  if (!found) known.set(key, (found = make()))
  return found
}

/** Float32 numbers of `packed`, cached under `owner`. */
export function float32(owner: object, key: string, packed: Packed): Float32Array {
  return cached(owner, key, () => new Float32Array(fromBase64(packed).buffer))
}

export function int32(packed: Packed): Int32Array {
  return new Int32Array(fromBase64(packed).buffer)
}

/** All values of a layer on the page, map after map. */
export function valuesOf(layer: Layer): Float32Array {
  if (layer.kind === 'normalise') return cached(layer, 'values', () => normalised(layer))
  if (layer.uint8) return cached(layer, 'values', () => Float32Array.from(fromBase64(layer.values)))
  return float32(layer, 'values', layer.values)
}

let image: Layer | null = null

/** Set the layer that holds the pixels: the normalised values are computed from it. */
export function setImage(layer: Layer): void {
  image = layer
}

function normalised(layer: Layer): Float32Array {
  const pixels = valuesOf(image!)
  const cells = pixels.length / layer.shape[0]!
  const { mean, std } = layer.hyperparameters
  return pixels.map((x, i) => {
    const channel = Math.floor(i / cells)
    return (x - mean![channel]! * 255) / (std![channel]! * 255)
  })
}

/** Height and width of a layer's maps; a vector is maps of one cell. */
export function sizeOf(layer: Layer): [number, number] {
  return layer.shape.length === 3 ? [layer.shape[1]!, layer.shape[2]!] : [1, 1]
}

/** The numbers of one map by its channel, or null where it is not on the page. */
export function mapOf(layer: Layer, channel: number): Float32Array | null {
  const at = layer.maps.indexOf(channel)
  if (at < 0) return null
  const [height, width] = sizeOf(layer)
  return valuesOf(layer).subarray(at * height * width, (at + 1) * height * width)
}
