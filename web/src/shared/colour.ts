// One colour scale for maps and filters: orange below zero, blue above, the page's background at 0.

type Rgb = readonly [number, number, number]
const light: readonly [Rgb, Rgb, Rgb] = [
  [186, 84, 12],
  [250, 250, 248],
  [17, 86, 160],
]
const dark: readonly [Rgb, Rgb, Rgb] = [
  [255, 164, 84],
  [30, 32, 36],
  [102, 178, 255],
]

/** The colour of `value` in a range of `maxAbs` on both sides of 0. */
export function colourOf(value: number, maxAbs: number, isDark: boolean): Rgb {
  const [low, ground, high] = isDark ? dark : light
  const share = maxAbs > 0 ? Math.min(Math.abs(value) / maxAbs, 1) : 0
  const end = value < 0 ? low : high
  const bent = share ** 0.8
  return [0, 1, 2].map((k) => Math.round(ground[k]! + (end[k]! - ground[k]!) * bent)) as unknown as Rgb
}

export const css = (c: Rgb): string => `rgb(${c[0]} ${c[1]} ${c[2]})`

/** Black or white, whichever has more contrast on `c`. */
export function inkOn(c: Rgb): string {
  const linear = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
  const bright = 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!
  return bright > 0.179 ? '#000' : '#fff'
}

/** The largest absolute value of a range. */
export const maxAbsOf = (range: readonly [number, number]): number => Math.max(Math.abs(range[0]), Math.abs(range[1]))

/** Draw numbers into a canvas, one pixel a number. */
export function paint(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  height: number,
  width: number,
  maxAbs: number,
  isDark: boolean,
): void {
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d')!
  const image = context.createImageData(width, height)
  for (let i = 0; i < height * width; i++) {
    const c = colourOf(values[i]!, maxAbs, isDark)
    image.data.set([c[0], c[1], c[2], 255], i * 4)
  }
  context.putImageData(image, 0, 0)
}

/** Draw one map of an image's colours, 0..255, as grey. */
export function paintGrey(canvas: HTMLCanvasElement, values: ArrayLike<number>, height: number, width: number): void {
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d')!
  const image = context.createImageData(width, height)
  for (let i = 0; i < height * width; i++) {
    const v = Math.min(Math.max(values[i]!, 0), 255)
    image.data.set([v, v, v, 255], i * 4)
  }
  context.putImageData(image, 0, 0)
}

/** A number as short text, in one form on the whole page. */
export function short(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return value > 0 ? '∞' : value < 0 ? '−∞' : '–'
  if (value === 0) return '0'
  const size = Math.abs(value)
  const text =
    size >= 10000
      ? value.toExponential(1)
      : size >= 100
        ? value.toFixed(Math.max(0, digits - 2))
        : size >= 0.001
          ? value.toFixed(digits)
          : value.toExponential(1)
  const trimmed = /[.]/.test(text) && !/e/.test(text) ? text.replace(/\.?0+$/, '') : text
  return trimmed.replace('-', '−')
}
