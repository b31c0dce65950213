// The EXIF orientation of a WebP file, which browsers do not agree to apply; of other formats they do.
import type { Pixels } from './resample'

const EXIF_FLAG = 0x08
const ORIENTATION = 0x0112
const MAX_ENTRIES = 1000

export interface Plain {
  bytes: Uint8Array<ArrayBuffer> // the file without EXIF, which no browser turns
  orientation: number // 1..8
}

/** Takes the EXIF out of a WebP file, in place. */
export function takeWebpOrientation(bytes: Uint8Array<ArrayBuffer>): Plain {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let orientation = 1
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4))
    const size = view.getUint32(at + 4, true)
    if (name === 'VP8X' && at + 8 < bytes.length) bytes[at + 8]! &= ~EXIF_FLAG
    if (name === 'EXIF') {
      orientation = exifOrientation(bytes.slice(at + 8, at + 8 + size))
      bytes.set([0x6e, 0x6f, 0x6e, 0x65], at) // a chunk of no known name is ignored
    }
    at += 8 + size + (size & 1)
  }
  return { bytes, orientation }
}

/** The orientation that EXIF data tells, 1 where it tells none. */
export function exifOrientation(exif: Uint8Array): number {
  const named = String.fromCharCode(...exif.subarray(0, 4)) === 'Exif'
  const tiff = named ? exif.subarray(6) : exif
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength)
  if (tiff.length < 8) return 1
  const little = tiff[0] === 0x49
  const table = view.getUint32(4, little)
  if (table + 2 > tiff.length) return 1
  const entries = Math.min(MAX_ENTRIES, view.getUint16(table, little))
  for (let at = table + 2; at < table + 2 + 12 * entries && at + 12 <= tiff.length; at += 12) {
    if (view.getUint16(at, little) !== ORIENTATION) continue
    const value = view.getUint16(at + 8, little)
    return value >= 1 && value <= 8 ? value : 1
  }
  return 1
}

/** An image turned upright. */
export function turnUpright(image: Pixels, orientation: number): Pixels {
  if (orientation === 1) return image
  const { width, height, channels, values } = image
  const swaps = orientation >= 5
  const [outWidth, outHeight] = swaps ? [height, width] : [width, height]
  const fromRight = [2, 3, 7, 8].includes(orientation)
  const fromBottom = [3, 4, 6, 7].includes(orientation)
  const out = new Uint8Array(values.length)
  for (let y = 0, at = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const [across, down] = swaps ? [y, x] : [x, y]
      const column = fromRight ? width - 1 - across : across
      const row = fromBottom ? height - 1 - down : down
      for (let c = 0; c < channels; c++) out[at++] = values[(row * width + column) * channels + c]!
    }
  }
  return { width: outWidth, height: outHeight, channels, values: out }
}
