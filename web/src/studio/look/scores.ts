// The scores of a run on val or test, and which images belong to a cell. No DOM.

export interface ScoredImage {
  id: number | null // null: no longer in the project
  true: number
  predicted: number
  probability: number
  true_probability: number
}

/** A cell of the confusion matrix that has images: places of classes in `labels`, and how many. */
export type MatrixCell = [label: number, predicted: number, n: number]

export interface Scores {
  labels: string[]
  confusion: MatrixCell[]
  accuracy: number
  accuracy_interval: [number, number]
  n: number
  unreadable: number
  images: ScoredImage[]
}

export type ScoredSplit = 'val' | 'test'

export interface TestScores extends Scores {
  /** Null where the class has no image here. */
  recalls: (number | null)[]
  notes: string[]
  /** When, in seconds. */
  evaluated: number
  /** What has changed since. */
  stale: 'labels' | 'model' | null
}

/** images: how many there are to score.  models: of the project that were scored on test. */
export interface TestData {
  images: number
  models: number
  scores: TestScores | null
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

/** Classes that a list of pairs is narrowed to. */
export interface PairFilter {
  true?: number | undefined
  predicted?: number | undefined
}

/** The pairs of classes that are confused, the most frequent first; of one class also what is right. */
export function confusedPairs(scores: Scores, filter: PairFilter = {}): Pair[] {
  const rightToo = filter.true !== undefined || filter.predicted !== undefined
  const pairs = scores.confusion.filter(
    ([t, p]) => (t !== p || rightToo) && t === (filter.true ?? t) && p === (filter.predicted ?? p),
  )
  return pairs.map(([t, p, count]) => ({ true: t, predicted: p, count })).sort((a, b) => b.count - a.count)
}

/** The part of the matrix for some classes: rows true, columns predicted. */
export function matrixOf(scores: Scores, classes: number[]): number[][] {
  const places = new Map(classes.map((each, at) => [each, at]))
  const matrix = classes.map(() => classes.map(() => 0))
  for (const [t, p, n] of scores.confusion) {
    const [row, column] = [places.get(t), places.get(p)]
    if (row !== undefined && column !== undefined) matrix[row]![column] = n
  }
  return matrix
}

/** The classes of a matrix that is too large to be shown whole: those of the most errors, in their order. */
export function mostConfused(scores: Scores, most: number, about?: number): number[] {
  const errors = scores.labels.map(() => 0)
  for (const [t, p, n] of scores.confusion)
    if (t !== p && (about === undefined || about === t || about === p)) {
      errors[t]! += n
      errors[p]! += n
    }
  const order = scores.labels.map((_, i) => i).sort((a, b) => errors[b]! - errors[a]! || a - b)
  return order.slice(0, most).sort((a, b) => a - b)
}
