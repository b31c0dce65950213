// The camera: its stream, the video that shows it, and stills from it.
import { cameraWords } from './cameraWords'
import { translator } from './i18n.svelte'

const t = translator(cameraWords, 'camera')

export class Camera {
  stream = $state.raw<MediaStream>()
  /** One sentence, where the camera cannot be used. */
  problem = $state('')
  #video: HTMLVideoElement | undefined
  #openings = 0
  readonly #canvas = document.createElement('canvas')
  readonly #unavailable: () => string

  /** unavailable: the sentence where the browser gives this page no camera at all. */
  constructor(unavailable = (): string => t('cameraError', { reason: t('noCamera') })) {
    this.#unavailable = unavailable
  }

  /** Ask for the camera; one that is given after `close` is let go. */
  async open(video: MediaTrackConstraints = {}): Promise<void> {
    this.problem = navigator.mediaDevices ? '' : this.#unavailable()
    if (this.problem) return
    const number = ++this.#openings
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: 'environment', ...video },
        audio: false,
      })
      if (number === this.#openings) this.stream = stream
      else stop(stream)
    } catch (error) {
      if (number !== this.#openings) return
      this.problem = t('cameraError', { reason: error instanceof Error ? error.message : String(error) })
    }
  }

  close(): void {
    this.#openings++
    if (this.stream) stop(this.stream)
    this.stream = undefined
    this.#video = undefined // it would still give its last frame
  }

  /** Show the stream in a <video>; for {@attach}. */
  show = (video: HTMLVideoElement): void => {
    if (!this.stream) return
    this.#video = video
    video.srcObject = this.stream
    void video.play()
  }

  /** Pass the video to `onframe` again and again until the camera is closed, never two at once. */
  async watch(onframe: (video: HTMLVideoElement) => Promise<void>): Promise<void> {
    const { stream } = this
    while (stream && this.stream === stream) {
      if (this.#video?.videoWidth) await onframe(this.#video)
      await new Promise(requestAnimationFrame)
    }
  }

  /** One still, at most `side` pixels; undefined where there is no image yet. */
  still(side = Infinity, type: 'image/jpeg' | 'image/png' = 'image/jpeg'): Promise<Blob | undefined> {
    const { videoWidth = 0, videoHeight = 0 } = this.#video ?? {}
    if (!this.#video || !videoWidth) return Promise.resolve(undefined)
    const scale = Math.min(1, side / Math.max(videoWidth, videoHeight))
    this.#canvas.width = Math.round(videoWidth * scale)
    this.#canvas.height = Math.round(videoHeight * scale)
    this.#canvas.getContext('2d')!.drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height)
    return new Promise((resolve) => this.#canvas.toBlob((blob) => resolve(blob ?? undefined), type, 0.92))
  }
}

const stop = (stream: MediaStream): void => stream.getTracks().forEach((track) => track.stop())
