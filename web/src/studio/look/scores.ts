// The scores of a run on val, and which images belong to a cell. No DOM.

export interface ScoredImage {
  id: number | null // null: no longer in the project
  true: number
  predicted: number
  probability: number
  true_probability: number
}

export interface Scores {
  labels: string[]
  confusion: number[][]
  accuracy: number
  accuracy_interval: [number, number]
  n: number
  unreadable: number
  images: ScoredImage[]
}

export type Chosen = { true: number; predicted: number } | 'suspected'

const SURE = 0.9

/** The images of a cell, or those whose label is suspected; the surest of another class first. */
export function imagesOf(scores: Scores, chosen: Chosen): ScoredImage[] {
  const found = scores.images.filter((image) =>
    chosen === 'suspected'
      ? image.predicted !== image.true && image.probability >= SURE
      : image.true === chosen.true && image.predicted === chosen.predicted,
  )
  return found.sort((a, b) => a.true_probability - b.true_probability)
}

export interface Pair {
  true: number
  predicted: number
  count: number
}

/** The pairs of classes that are confused, the most frequent first. */
export function confusedPairs(scores: Scores, most: number): Pair[] {
  const pairs = scores.confusion.flatMap((row, t) =>
    row.flatMap((count, p) => (t !== p && count ? [{ true: t, predicted: p, count }] : [])),
  )
  return pairs.sort((a, b) => b.count - a.count).slice(0, most)
}
