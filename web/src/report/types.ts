// The page's data: the `evaluate --json` object, the model's record, and a table of images.

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
export interface CalibrationBin {
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
  accuracy_lower_bound: Maybe
}
export interface ImagePrediction {
  path: string
  true: string
  predicted: string
  probability: number
  true_probability: number
}
export interface LabelIssue {
  path: string
  true: string
  suggested: string
  probability: number
  true_probability: number
}
export interface Slice {
  attribute: string
  value: string
  n: number
  accuracy: number
  accuracy_interval: Interval
  difference: number
}
/** An epoch. `stage` is there where the run started from weights: its output layer is fitted first (`head`). */
export interface HistoryLine {
  [column: string]: number | boolean | string | null | undefined
  stage?: string
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
export interface ImageTable {
  path: string[]
  true: (number | number[])[]
  predicted: (number | number[])[]
  probability: number[]
  true_probability: number[]
  thumbnail: string[]
  n_thumbnails: number
  n_images: number
  height: number
  width: number
}
export interface NearestTraining {
  searched: number
  errors: {
    path: string
    nearest: { path: string; labels: string[]; distance: number; thumbnail: string }[]
  }[]
}
export interface Report {
  kind: 'evaluation' | 'training'
  model: string | null
  split: string
  task: 'single' | 'multi'
  n: number
  labels: string[]
  accuracy: number
  accuracy_interval: Interval
  balanced_accuracy: Maybe
  macro_f1: Maybe
  matthews_corrcoef: Maybe
  nll: number
  brier: number
  ece: number
  top_k_accuracy: Record<string, number>
  hamming_score: Maybe
  classes: Record<string, ClassScore>
  confusion: number[][] | [number, number][][]
  intervals: Record<string, Interval>
  bootstrap_unit: 'images' | 'groups'
  n_bootstrap_units: number
  exact_intervals: string[]
  calibration: {
    temperature: number
    bins: CalibrationBin[]
    ece: number
    uncalibrated_bins: CalibrationBin[] | null
    uncalibrated_ece: Maybe
  }
  left_out: number
  used_in_training: number
  ignored_classes: Record<string, number>
  ms_per_image: Maybe
  unusable: { path: string; reason: string }[]
  coverage_curve: CoveragePoint[]
  abstention: null | { threshold: number; coverage: number; n: number; accuracy: Maybe }
  operating_points: {
    label: string
    threshold: number
    precision: Maybe
    recall: Maybe
    recall_interval: Interval | null
  }[]
  out_of_distribution: null | {
    folder: string
    n: number
    unusable: number
    threshold: Maybe
    rejection_rate: Maybe
    rejection_rate_interval: Interval | null
    mean_max_probability: number
    roc_auc: Maybe
  }
  slices: Slice[]
  error_analysis: null | {
    worst_errors: ImagePrediction[]
    label_issues: LabelIssue[]
    confused_pairs: { true: string; predicted: string; n: number; share: number }[]
    exemplars: Record<string, { most_confident: ImagePrediction[]; typical: ImagePrediction[] }>
  }
  robustness: null | {
    n: number
    accuracy: number
    corruptions: {
      corruption: string
      severity: string
      accuracy: number
      accuracy_interval: Interval
      consistency: number
    }[]
    pooling_shifts: { layer: string; kind: string; shift_pixels: number; input_change: number; output_change: number }[]
    pooling_note: string | null
  }
  notices: string[]
  nearest_training: NearestTraining | null
  finished: boolean
  /** Of weights learned elsewhere that the training started from: name, source, licence. */
  weights: Record<string, string>
  weights_sha256: string
  network: {
    input: { height: number; width: number; channels: number }
    preprocess: Record<string, unknown>
    layers: Layer[]
    weights: number
    multiply_adds: number
  }
  recipe: Record<string, unknown>
  history: HistoryLine[]
  data: Record<string, unknown>
  versions: Record<string, unknown>
  images: ImageTable
}
