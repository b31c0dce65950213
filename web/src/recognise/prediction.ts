// From probabilities to a prediction: label, top k, thresholds, abstention.
import type { Prediction } from '../shared/prediction'
import type { Decision } from './types'

const DEFAULT_THRESHOLD = 0.5

/** The prediction of one row of probabilities; `top` is the number of classes listed. */
export function makePrediction(row: ArrayLike<number>, decision: Decision, top = 5): Prediction {
  const { labels, task, thresholds } = decision
  const ranked = Array.from(row, (probability, index) => ({ label: labels[index]!, probability }))
  ranked.sort((a, b) => b.probability - a.probability)
  const label = predictedLabel(row, decision, ranked[0]!.label)
  const prediction: Prediction = {
    label,
    probability: row[labels.indexOf(label)]!,
    top: ranked.slice(0, top),
    abstained: thresholds.abstain !== null && ranked[0]!.probability < thresholds.abstain,
  }
  if (task === 'multi')
    prediction.labels = ranked
      .filter((item) => item.probability >= (thresholds.per_label[item.label] ?? DEFAULT_THRESHOLD))
      .map((item) => item.label)
  return prediction
}

function predictedLabel(row: ArrayLike<number>, { labels, task, thresholds }: Decision, best: string): string {
  const { positive_class: positive, operating_point: point } = thresholds
  if (task !== 'single' || labels.length !== 2 || positive === null || point === null) return best
  return row[labels.indexOf(positive)]! >= point ? positive : labels.find((label) => label !== positive)!
}
