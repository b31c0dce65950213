// An image file as grey numbers.

export const MAX_SIDE = 256

export interface GreyImage {
  height: number
  width: number
  values: Float64Array // 0..255, row by row
}

/** Grey as Pillow's L: 0.299 red + 0.587 green + 0.114 blue, rounded. */
export const grey = (r: number, g: number, b: number): number => (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16

/** An image file in grey, at most 256 pixels a side. Rejects where the browser cannot decode it. */
export async function readImage(file: Blob): Promise<GreyImage> {
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
