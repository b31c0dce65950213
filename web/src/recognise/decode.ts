// From an image file or a video frame to pixels, by the rules of Foveal's own reader where a browser can follow them.
import { grey } from '../shared/readImage'
import { fitToInput } from './fit'
import { takeWebpOrientation, turnUpright } from './orientation'
import type { Pixels } from './resample'
import type { Preprocess } from './types'

export const MAX_PIXELS = 134_217_728
const STRIP_PIXELS = 2 ** 22

export type Refusal = 'empty' | 'notAnImage' | 'deep' | 'damaged' | 'tooLarge'

/** An image that gives no prediction; the page has a sentence for each reason. */
export class UnreadableImage extends Error {
  constructor(readonly reason: Refusal) {
    super(reason)
  }
}

const SIGNATURES: readonly (readonly [number, string])[] = [
  [0, '\xff\xd8\xff'],
  [0, '\x89PNG\r\n\x1a\n'],
  [0, 'GIF8'],
  [0, 'BM'],
  [8, 'WEBP'],
  [4, 'ftyp'], // AVIF and HEIC; a browser decodes no video as an image
]

/** Why a file is not read, by its first bytes: of formats a browser knows, only those Foveal reads. */
export function refusalOf(head: Uint8Array): Refusal | null {
  if (head.length === 0) return 'empty'
  const text = String.fromCharCode(...head.subarray(0, 32))
  if (!SIGNATURES.some(([offset, bytes]) => text.startsWith(bytes, offset))) return 'notAnImage'
  return text.startsWith('\x89PNG') && head[24] === 16 ? 'deep' : null
}

/** The input pixels of an image file, upright; rejects with UnreadableImage. */
export async function fileToInput(file: Blob, preprocess: Preprocess): Promise<Uint8Array> {
  const head = new Uint8Array(await file.slice(0, 32).arrayBuffer())
  const refusal = refusalOf(head)
  if (refusal !== null) throw new UnreadableImage(refusal)
  const { blob, orientation } = isWebp(head) ? await plainWebp(file) : { blob: file, orientation: 1 }
  const bitmap = await bitmapOf(blob)
  try {
    const pixels = readPixels(bitmap, bitmap.width, bitmap.height, preprocess)
    return fitToInput(turnUpright(pixels, orientation), preprocess)
  } finally {
    bitmap.close()
  }
}

function isWebp(head: Uint8Array): boolean {
  return String.fromCharCode(...head.subarray(8, 12)) === 'WEBP'
}

async function plainWebp(file: Blob): Promise<{ blob: Blob; orientation: number }> {
  const { bytes, orientation } = takeWebpOrientation(new Uint8Array(await file.arrayBuffer()))
  return { blob: new Blob([bytes], { type: 'image/webp' }), orientation }
}

/** The stored levels as they are: Foveal does not apply colour profiles, so nor does the browser here. */
async function bitmapOf(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { colorSpaceConversion: 'none', imageOrientation: 'from-image' })
  } catch {
    throw new UnreadableImage('damaged')
  }
}

/** The input pixels of whatever a canvas can draw. */
export function sourceToInput(
  source: CanvasImageSource,
  width: number,
  height: number,
  preprocess: Preprocess,
): Uint8Array {
  return fitToInput(readPixels(source, width, height, preprocess), preprocess)
}

/** Pixels of 1 or 3 channels; transparent ones lie over the background. Read in strips: canvases are limited. */
function readPixels(source: CanvasImageSource, width: number, height: number, preprocess: Preprocess): Pixels {
  const { channels } = preprocess.input
  if (width * height > MAX_PIXELS) throw new UnreadableImage('tooLarge')
  const rows = Math.min(height, Math.max(1, Math.floor(STRIP_PIXELS / width)))
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = rows
  const context = canvas.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' })
  if (!context) throw new UnreadableImage('tooLarge')
  const values = new Uint8Array(width * height * channels)
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top)
    context.fillStyle = `rgb(${preprocess.background.join(' ')})`
    context.fillRect(0, 0, width, count)
    context.drawImage(source, 0, top, width, count, 0, 0, width, count)
    const { data } = context.getImageData(0, 0, width, count)
    copyChannels(data, values.subarray(top * width * channels, (top + count) * width * channels), channels)
  }
  return { width, height, channels, values }
}

function copyChannels(rgba: Uint8ClampedArray, out: Uint8Array, channels: 1 | 3): void {
  if (channels === 1) {
    for (let i = 0, j = 0; j < out.length; i += 4) out[j++] = grey(rgba[i]!, rgba[i + 1]!, rgba[i + 2]!)
    return
  }
  for (let i = 0, j = 0; j < out.length; i += 4) {
    out[j++] = rgba[i]!
    out[j++] = rgba[i + 1]!
    out[j++] = rgba[i + 2]!
  }
}
