// Starts the worker that trains, and says what it reports.
import type { Hyperparameters, Images, LayerSpec, NetworkState, Shape } from './core'
import TrainerWorker from './trainer.worker?worker&inline'

/** What is trained on what; `probe` is the image whose maps are reported. */
export interface Order {
  layers: LayerSpec[]
  input: Shape
  settings: Hyperparameters
  train: Images
  test: Images
  probe: Float32Array
}

export type ToWorker = ({ kind: 'start' } & Order) | { kind: 'probe'; pixels: Float32Array } | { kind: 'stop' }

export interface EpochScores {
  epoch: number
  seconds: number
  trainLoss: number
  trainAccuracy: number
  testLoss: number
  testAccuracy: number
}

export type FromWorker =
  | ({ kind: 'epoch' } & EpochScores)
  | { kind: 'step'; epoch: number; loss: number; seconds: number }
  | ({ kind: 'state' } & NetworkState)
  | { kind: 'done'; seconds: number }
  | { kind: 'diverged'; epoch: number }

export interface Trainer {
  probe(pixels: Float32Array): void
  stop(): void
  close(): void
}

/** Train in a worker; `report` hears everything. */
export function startTraining(order: Order, report: (message: FromWorker) => void): Trainer {
  const worker = new TrainerWorker()
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => report(data)
  const send = (message: ToWorker): void => worker.postMessage(message)
  send({ kind: 'start', ...order })
  return {
    probe: (pixels) => send({ kind: 'probe', pixels }),
    stop: () => send({ kind: 'stop' }),
    close: () => worker.terminate(),
  }
}
