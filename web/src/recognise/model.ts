// Opens the model of the page in a worker and asks it for probabilities.
import ModelWorker from './model.worker?worker&inline'
import { takeText } from './bytes'

export type ToWorker =
  | { kind: 'open'; runtime: string; model: string } // base64; the runtime is gzip
  | { kind: 'run'; id: number; pixels: Uint8Array; shape: number[] }

export type FromWorker =
  | { kind: 'ready'; ms: number }
  | { kind: 'done'; id: number; values: Float32Array; ms: number }
  | { kind: 'failed'; id: number; reason: string }
  | { kind: 'closed'; reason: string } // the model cannot be opened

export interface Answer {
  values: Float32Array // probabilities, image by image
  ms: number
}

export interface Model {
  /** Probabilities of images of that shape (height, width, channels), one after another in `pixels`. */
  run(pixels: Uint8Array, shape: readonly number[]): Promise<Answer>
}

type Waiting = { resolve: (answer: Answer) => void; reject: (error: Error) => void }

/** The model in the page's data blocks `runtime` and `model`; rejects where it cannot be run here. */
export function openModel(): Promise<Model> {
  const worker = new ModelWorker()
  const waiting = new Map<number, Waiting>()
  let next = 0
  const send = (message: ToWorker): void => worker.postMessage(message)
  const model: Model = {
    run: (pixels, shape) =>
      new Promise((resolve, reject) => {
        waiting.set(++next, { resolve, reject })
        const count = pixels.length / shape.reduce((product, side) => product * side, 1)
        send({ kind: 'run', id: next, pixels, shape: [count, ...shape] })
      }),
  }
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || 'the worker did not start'))
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === 'ready') return resolve(model)
      if (data.kind === 'closed') return reject(new Error(data.reason))
      const request = waiting.get(data.id)
      waiting.delete(data.id)
      if (data.kind === 'done') request?.resolve(data)
      else request?.reject(new Error(data.reason))
    }
    send({ kind: 'open', runtime: takeText('runtime'), model: takeText('model') })
  })
}
