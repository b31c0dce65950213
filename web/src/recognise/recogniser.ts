// What the page and its checks ask: probabilities of files, of video frames and of input pixels.
import { fromBase64, toBase64 } from '../shared/base64'
import { fileToInput, sourceToInput } from './decode'
import { openModel, type Answer, type Model } from './model'
import type { PageData, Preprocess } from './types'

export interface Recognised extends Answer {
  pixels: Uint8Array // what the network received
}

export class Recogniser {
  private readonly model: Promise<Model>
  private readonly shape: readonly number[]

  constructor(private readonly data: PageData) {
    this.shape = [data.input.height, data.input.width, data.input.channels]
    this.model = openModel()
  }

  /** Resolves when the model is open; rejects with the reason why it cannot be. */
  async ready(): Promise<void> {
    await this.model
  }

  async file(file: Blob): Promise<Recognised> {
    return this.withPixels(await fileToInput(file, this.data))
  }

  async video(video: HTMLVideoElement): Promise<Recognised> {
    return this.withPixels(sourceToInput(video, video.videoWidth, video.videoHeight, this.data))
  }

  private async withPixels(pixels: Uint8Array): Promise<Recognised> {
    return { ...(await (await this.model).run(pixels, this.shape)), pixels }
  }

  /** Probabilities, image by image, of input pixels in base64. */
  async encodedPixels(text: string): Promise<number[][]> {
    const { values } = await (await this.model).run(fromBase64(text), this.shape)
    const classes = this.data.labels.length
    return Array.from({ length: values.length / classes }, (_, i) =>
      Array.from(values.subarray(i * classes, (i + 1) * classes)),
    )
  }

  /** Probabilities of an image file in base64, or why it cannot be read. */
  async encodedFile(text: string): Promise<number[] | string> {
    try {
      return Array.from((await this.file(new Blob([fromBase64(text)]))).values)
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  /** The input pixels of an image file, both in base64; rejects where it cannot be read. */
  async encodedInput(text: string, preprocess: Preprocess = this.data): Promise<string> {
    return toBase64(await fileToInput(new Blob([fromBase64(text)]), preprocess))
  }

  /** How far probabilities are from those expected when the page was written; an image of the user may come between. */
  async selfTest(): Promise<{ images: number; gap: number; passed: boolean }> {
    const { pixels, probabilities, tolerance } = this.data.self_test
    let gap = 0
    for (const [i, text] of pixels.entries()) {
      const [row] = await this.encodedPixels(text)
      gap = probabilities[i]!.reduce((most, expected, k) => Math.max(most, Math.abs(row![k]! - expected)), gap)
    }
    return { images: pixels.length, gap, passed: gap <= tolerance }
  }
}
