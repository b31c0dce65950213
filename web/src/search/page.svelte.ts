// The page's data, its words, and the trial that is selected in all of its parts.

import { pageData } from '../shared/data'
import { translator } from '../shared/i18n.svelte'
import { significant } from '../shared/numbers'
import type { Scalar, SearchData, Trial } from './types'
import { words } from './words'

export const search = pageData<SearchData>()
export const t = translator(words)
export const selected = $state<{ number: number }>({ number: search.best })

/** Trials that have an accuracy: those that are drawn. */
export const drawn = search.trials.filter((trial) => trial.val_accuracy !== null)

/** The trial with a number. */
export function trialOf(number: number): Trial {
  return search.trials.find((trial) => trial.number === number)!
}

/** A value of a hyper-parameter as text, numbers with at most four digits. */
export function shown(value: Scalar | undefined): string {
  if (value === undefined) return '–'
  return typeof value === 'number' && !Number.isInteger(value) ? significant(value, 4) : String(value)
}

/** The class of a trial's line. */
export function lineClass(trial: Trial): string {
  if (trial.number === selected.number) return 'line selected'
  if (trial.number === search.default) return 'line default'
  return `line ${trial.state}`
}

/** Trials with the emphasised ones last, so that they are drawn over the others. */
export function drawingOrder(trials: Trial[]): Trial[] {
  const rank = (trial: Trial) =>
    trial.number === selected.number ? 3 : trial.number === search.default ? 2 : trial.state === 'complete' ? 1 : 0
  return [...trials].sort((a, b) => rank(a) - rank(b))
}
