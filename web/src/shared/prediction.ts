// A prediction as `foveal predict --format jsonl` prints it for a readable image.

export interface LabelProbability {
  label: string
  probability: number
}

export interface Prediction {
  label: string
  probability: number
  top: LabelProbability[]
  abstained: boolean
  labels?: string[]
}
