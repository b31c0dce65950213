// The values of the run routes.
import type { NetworkData } from '../network/types'

export type RunState = 'running' | 'paused' | 'finished' | 'interrupted' | 'failed'

export interface StepLine {
  step: number
  steps: number
  epoch: number
  loss: number
  accuracy: number
  learning_rate: number
  images_per_second: number
  seconds: number
  seconds_left: number
}

export interface EpochLine {
  epoch: number
  step: number
  learning_rate: number
  train_loss: number | null
  train_accuracy: number | null
  val_loss: number | null
  val_accuracy: number | null
  selected: boolean
  seconds: number
}

export interface RunStatus {
  id: string
  name: string
  created: number
  state: RunState | 'removed'
  error: string | null
  stopping: boolean
  minutes: number | null
  epochs_asked: number | null
  epochs: number
  val_accuracy: number | null
  val_images: number | null
  seconds: number
  seconds_left: number | null
  latest: StepLine | null
  epoch_line: EpochLine | null
  model: boolean
}

export interface Choice {
  key: string
  value: unknown
  reason: string
}

export interface Plan {
  network: NetworkData
  recipe: Record<string, unknown>
  chosen: Choice[]
  classes: string[]
  minutes: number | null
  seed: number
}

export interface RunDetail extends RunStatus {
  request: { network: string | null; recipe: Record<string, unknown>; start_from: string; seed: number }
  plan: Plan | null
  history: EpochLine[]
  steps: StepLine[]
  log: string[]
}

export interface Packed {
  total: number | [number, number]
  shape: number[]
  max_abs: number
  values: string
}

export interface Live {
  /** Seconds after which it should be asked again. */
  pause: number
  step: number
  layers: { name: string; kind: string; shape: number[] }[]
  layer: string
  image: string
  maps: Packed
  filters: Packed | null
  prediction: { label: string; probability: number }[]
}

export interface WrongImages {
  epoch: number | null
  /** Of the finished model, not of an epoch that it may be chosen from. */
  finished: boolean
  images: number
  wrong: number
  errors: { image: number | null; name: string; labels: string[]; predicted: string[]; probability: number }[]
}

export interface Changed {
  key: string
  a: unknown
  b: unknown
}

export interface Comparison {
  recipe: Changed[]
  plan: Changed[]
  same_data: boolean
  layers: { in: 'a' | 'b' | 'both'; text: string }[]
  curves: Record<'a' | 'b', { history: EpochLine[]; steps: StepLine[] }>
}

export interface Difference {
  n: number
  accuracy: number
  interval: [number, number]
}
