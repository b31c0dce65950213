// The data that `foveal export --to page` puts into the page.

export interface Preprocess {
  input: { height: number; width: number; channels: 1 | 3 }
  fit: 'crop' | 'pad' | 'squash'
  crop_fraction: number // of the shorter side that a crop keeps, above 0 and at most 1
  interpolation: 'bicubic' | 'bilinear'
  background: readonly [number, number, number]
}

export interface Thresholds {
  abstain: number | null
  positive_class: string | null
  operating_point: number | null
  per_label: Record<string, number>
}

export interface Decision {
  labels: string[]
  task: 'single' | 'multi'
  thresholds: Thresholds
}

/** How the answers compare with the model's: shares and probabilities 0..1. */
export interface Comparison {
  n: number
  agreement: number
  max_probability_gap: number
}

/** The check before the page was written. */
export interface Check {
  model: Comparison & { accuracy_exported: number | null; accuracy_interval: [number, number] | null }
  browser: { name: string; pixels: Comparison; files: Comparison | null; unreadable: number } | null
}

export interface PageData extends Preprocess, Decision {
  name: string
  version: string
  weights: { parameters: number; precision: string; source: [string, string][] }
  temperature: number
  flip_average: boolean
  check: Check
  self_test: { pixels: string[]; probabilities: number[][]; tolerance: number } // base64, an image each
}
