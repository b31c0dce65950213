// From a decoded image to the network's input pixels: cropped, padded or squashed as in training.
import { grey } from '../shared/readImage'
import { resample, type Box, type Pixels } from './resample'
import type { Preprocess } from './types'

type Size = { width: number; height: number }

/** An image of 1 or 3 channels at the input size. */
export function fitToInput(image: Pixels, preprocess: Preprocess): Uint8Array {
  const { input, fit, crop_fraction: fraction, interpolation } = preprocess
  const { width, height } = input
  const resized = (box: Box): Uint8Array => Uint8Array.from(resample(image, width, height, box, interpolation).values)
  if (fraction < 1) return resized(fractionBox(image, input, fraction))
  if (image.width === width && image.height === height) return Uint8Array.from(image.values)
  if (fit === 'pad') return pad(image, preprocess)
  return resized(fit === 'crop' ? centreBox(image, width, height) : [0, 0, image.width, image.height])
}

/** What stays of an image that is resized whole, and the input cut from its centre. */
export function fractionBox(image: Size, input: Size, fraction: number): Box {
  const [across, down] = [input.width, input.height].map((side) => Math.trunc(side / fraction + 1e-6)) as [
    number,
    number,
  ]
  const wide = across * image.height < down * image.width
  const resizedWidth = wide ? Math.floor((down * image.width) / image.height) : across
  const resizedHeight = wide ? down : Math.floor((across * image.height) / image.width)
  const [left, right] = kept(image.width, resizedWidth, input.width)
  const [top, bottom] = kept(image.height, resizedHeight, input.height)
  return [left, top, right, bottom]
}

function kept(length: number, whole: number, inner: number): [number, number] {
  const start = roundHalfToEven((whole - inner) / 2)
  return [(start * length) / whole, ((start + inner) * length) / whole]
}

/** The largest centred box of the input's aspect ratio. */
export function centreBox(image: Size, width: number, height: number): Box {
  const scale = Math.min(image.width / width, image.height / height)
  const [boxWidth, boxHeight] = [scale * width, scale * height]
  const left = Math.max(0, (image.width - boxWidth) / 2)
  const top = Math.max(0, (image.height - boxHeight) / 2)
  return [left, top, Math.min(image.width, left + boxWidth), Math.min(image.height, top + boxHeight)]
}

function pad(image: Pixels, { input, background, interpolation }: Preprocess): Uint8Array {
  const { channels } = image
  const { width, height } = input
  const scale = Math.min(width / image.width, height / image.height)
  const innerWidth = Math.min(width, Math.max(1, roundHalfToEven(image.width * scale)))
  const innerHeight = Math.min(height, Math.max(1, roundHalfToEven(image.height * scale)))
  const inner = resample(image, innerWidth, innerHeight, [0, 0, image.width, image.height], interpolation)
  const [left, top] = [(width - innerWidth) >> 1, (height - innerHeight) >> 1]
  const [red, green, blue] = background
  const level = channels === 1 ? [grey(red, green, blue)] : background
  const out = Uint8Array.from({ length: width * height * channels }, (_, i) => level[i % channels]!)
  for (let y = 0; y < innerHeight; y++) {
    const row = inner.values.subarray(y * innerWidth * channels, (y + 1) * innerWidth * channels)
    out.set(row, ((top + y) * width + left) * channels)
  }
  return out
}

/** Python's round. */
function roundHalfToEven(value: number): number {
  const down = Math.floor(value)
  const rest = value - down
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1
}
