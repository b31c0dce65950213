// The packed digits of scikit-learn: 64 bytes (0 to 16) an image, then its class.
import { seeded, shuffled } from './random'
import { take, type Images } from './training'

export const CELLS = 64
const RECORD = CELLS + 1
const TEST = 360 // images never trained on

/** All images with pixels 0 to 1. */
export function unpackDigits(bytes: Uint8Array): Images {
  const n = bytes.length / RECORD
  const pixels = new Float32Array(n * CELLS)
  const targets = new Uint8Array(n)
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < CELLS; k++) pixels[i * CELLS + k] = bytes[i * RECORD + k]! / 16
    targets[i] = bytes[i * RECORD + CELLS]!
  }
  return { pixels, targets, n }
}

/** Test images and training images, always the same. */
export function splitDigits(all: Images): { train: Images; test: Images } {
  const order = shuffled(all.n, seeded(7))
  return { test: take(all, order.subarray(0, TEST)), train: take(all, order.subarray(TEST)) }
}
