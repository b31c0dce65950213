// The page's data: the `evaluate --json` object and what is known of the model and its images.

export type Interval = [number, number]
export type Maybe = number | null

export interface ClassScore {
  precision: Maybe
  recall: Maybe
  f1: Maybe
  support: number
  predicted: number
  roc_auc: Maybe
  average_precision: Maybe
  precision_interval: Interval | null
  recall_interval: Interval | null
  f1_interval: Interval | null
}
export interface Bin {
  low: number
  high: number
  n: number
  confidence: Maybe
  accuracy: Maybe
}
export interface CoveragePoint {
  threshold: number
  coverage: number
  n: number
  accuracy: Maybe
  bound: Maybe
}
export interface Image {
  path: string
  true: string
  predicted: string
  probability: number
  true_probability: number
}
export interface Suspect {
  path: string
  true: string
  suggested: string
  probability: number
  true_probability: number
}
export interface Slice {
  by: string
  value: string
  n: number
  accuracy: number
  interval: Interval
  difference: number
}
export interface Layer {
  name: string
  kind: string
  number: number[]
  output: number[]
  weights: number
  multiply_adds: number
  receptive_field: [number, number]
}
export interface Images {
  path: string[]
  true: (number | number[])[]
  predicted: (number | number[])[]
  probability: number[]
  true_probability: number[]
  thumbnail: string[]
  with_thumbnail: number
  of: number
  height: number
  width: number
}
export interface Report {
  kind: 'test' | 'run'
  model: string | null
  split: string
  task: 'single' | 'multi'
  n: number
  labels: string[]
  accuracy: number
  accuracy_interval: Interval
  balanced_accuracy: number
  macro_f1: number
  matthews: Maybe
  nll: number
  brier: number
  ece: number
  top_k: Record<string, number>
  hamming: Maybe
  classes: Record<string, ClassScore>
  confusion: number[][] | [number, number][][]
  intervals: Record<string, Interval>
  resampled: 'images' | 'groups'
  units: number
  exact: string[]
  calibration: {
    temperature: number
    bins: Bin[]
    ece: number
    bins_before: Bin[] | null
    ece_before: Maybe
  }
  left_out: number
  seen: number
  ignored: Record<string, number>
  ms_per_image: Maybe
  unusable: { path: string; reason: string }[]
  coverage: CoveragePoint[]
  abstaining: null | { threshold: number; coverage: number; n: number; accuracy: Maybe }
  operating: { label: string; point: number; precision: Maybe; recall: Maybe; recall_interval: Interval | null }[]
  others: null | {
    folder: string
    n: number
    unusable: number
    threshold: Maybe
    turned_away: Maybe
    turned_away_interval: Interval | null
    mean_probability: number
    roc_auc: Maybe
  }
  slices: Slice[]
  findings: null | {
    worst: Image[]
    suspects: Suspect[]
    confused: { true: string; predicted: string; n: number; share: number }[]
    classes: Record<string, { best: Image[]; typical: Image[] }>
  }
  robustness: null | {
    n: number
    accuracy: number
    changes: { change: string; strength: string; accuracy: number; accuracy_interval: Interval; unchanged: number }[]
    pools: { layer: string; kind: string; pixels: number; before: number; after: number }[]
    why_no_pools: string | null
  }
  told: string[]
  finished: boolean
  weights_sha256: string
  network: {
    input: { height: number; width: number; channels: number }
    preprocess: Record<string, unknown>
    layers: Layer[]
    weights: number
    multiply_adds: number
  }
  recipe: Record<string, unknown>
  history: Record<string, number | boolean | null>[]
  data: Record<string, unknown>
  versions: Record<string, unknown>
  images: Images
}
