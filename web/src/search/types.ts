// The data of the search page, as foveal/scale/search/report.py writes it.

export type Scalar = boolean | number | string

export type Trial = {
  number: number
  state: 'complete' | 'pruned' | 'failed' | 'running' | 'waiting'
  val_accuracy: number | null // 0..1
  params: Record<string, Scalar>
  curve: [seconds: number, valAccuracy: number][]
}

/** A searched key; low and high are null where it has a list of values. */
export type Key = { name: string; low: number | null; high: number | null; log: boolean }

export type SearchData = {
  name: string
  val_images: number
  trials: Trial[]
  best: number
  default: number
  keys: Key[]
  importances: [key: string, share: number][]
  selection: { bias: number; gain: number; low: number; high: number; standard_error: number } | null
  gain: string
  command: string
  refit: Refit | null
}

/** The run with the values that were found and most of the time; report: its page, beside this one. */
export type Refit = {
  trial: number
  minutes: number
  epochs: number
  val_accuracy: number
  report: string
}
