// Small colour images as PNG addresses, written here: a canvas takes half a millisecond for each, and a
// chapter shows a hundred. The pixels are stored, not compressed (RFC 1950, 1951; PNG third edition).

import { toBase64 } from '../shared/base64'

export type Rgb = readonly [number, number, number]

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10]
const BLOCK = 65535 // most bytes of a stored block

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

function crc(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (let i = 0; i < bytes.length; i++) c = table[(c ^ bytes[i]!) & 255]! ^ (c >>> 8)
  return ~c
}

function adler(bytes: Uint8Array): number {
  let [a, b] = [1, 0]
  for (let i = 0; i < bytes.length; i++) {
    a = (a + bytes[i]!) % 65521
    b = (b + a) % 65521
  }
  return b * 65536 + a
}

const word = (n: number): number[] => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]

function joined(...parts: ArrayLike<number>[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function chunk(name: string, data: ArrayLike<number>): Uint8Array {
  const body = joined(
    Array.from(name, (c) => c.charCodeAt(0)),
    data,
  )
  return joined(word(data.length), body, word(crc(body)))
}

function stored(bytes: Uint8Array): Uint8Array {
  const parts: ArrayLike<number>[] = [[0x78, 0x01]]
  for (let from = 0; from < bytes.length; from += BLOCK) {
    const part = bytes.subarray(from, from + BLOCK)
    const n = part.length
    parts.push([from + n >= bytes.length ? 1 : 0, n & 255, n >> 8, ~n & 255, (~n >> 8) & 255], part)
  }
  return joined(...parts, word(adler(bytes)))
}

/** The file of height x width pixels; `colour` gives red, green and blue, 0 to 255, of a pixel. */
export function pngBytes(height: number, width: number, colour: (at: number) => Rgb): Uint8Array {
  const rows = new Uint8Array(height * (1 + 3 * width)) // each starts with 0: no filter
  for (let at = 0; at < height * width; at++) rows.set(colour(at), Math.floor(at / width) + 1 + 3 * at)
  const header = [...word(width), ...word(height), 8, 2, 0, 0, 0] // 8 bits, colour
  return joined(SIGNATURE, chunk('IHDR', header), chunk('IDAT', stored(rows)), chunk('IEND', []))
}

/** The image as a data address. */
export function pngUrl(height: number, width: number, colour: (at: number) => Rgb): string {
  return `data:image/png;base64,${toBase64(pngBytes(height, width, colour))}`
}
