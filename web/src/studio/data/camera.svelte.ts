// The webcam: its stream, and stills from it as JPEG files.
import { translator } from '../../shared/i18n.svelte'
import { words } from '../words'

const t = translator(words)

export class Camera {
  stream = $state.raw<MediaStream>()
  /** One sentence, where the webcam cannot be used. */
  problem = $state('')
  private canvas = document.createElement('canvas')

  async open(): Promise<void> {
    this.problem = ''
    if (!isSecureContext) {
      this.problem = t('webcamRemote', { port: location.port, host: location.hostname })
      return
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } }, audio: false })
    } catch (error) {
      this.problem = t('webcamError', { reason: error instanceof Error ? error.message : String(error) })
    }
  }

  close(): void {
    this.stream?.getTracks().forEach((track) => track.stop())
    this.stream = undefined
  }

  /** Show the stream in a <video>; for {@attach}. */
  show = (video: HTMLVideoElement): void => {
    if (!this.stream) return
    video.srcObject = this.stream
    void video.play()
  }

  /** One still, at most `side` pixels; undefined where there is no image yet. */
  still(video: HTMLVideoElement, side: number): Promise<Blob | undefined> {
    const { videoWidth, videoHeight } = video
    if (!videoWidth) return Promise.resolve(undefined)
    const scale = Math.min(1, side / Math.max(videoWidth, videoHeight))
    this.canvas.width = Math.round(videoWidth * scale)
    this.canvas.height = Math.round(videoHeight * scale)
    this.canvas.getContext('2d')!.drawImage(video, 0, 0, this.canvas.width, this.canvas.height)
    return new Promise((resolve) => this.canvas.toBlob((blob) => resolve(blob ?? undefined), 'image/jpeg', 0.92))
  }
}
