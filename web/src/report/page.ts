// The page's data and its words, read once, and small looks into them.

import { pageData } from '../shared/data'
import { speaker } from '../shared/i18n.svelte'
import type { Pictures, Report } from './types'
import { words } from './words'

export const report = pageData<Report>()
export const t = speaker(words)

const pictures: Pictures = report.pictures
const place = new Map(pictures.path.map((path, index) => [path, index]))

/** The thumbnail of a picture by its path; '' where it has none. */
export function thumbnail(path: string): string {
  const index = place.get(path)
  return index === undefined ? '' : (pictures.thumbnail[index] ?? '')
}

/** Numbers of the pictures whose truth and answer are these classes. */
export function inCell(truth: number, answer: number): number[] {
  const found: number[] = []
  pictures.true.forEach((label, index) => {
    if (label === truth && pictures.predicted[index] === answer) found.push(index)
  })
  return found
}

/** Class names of one value of the `true` or `predicted` column. */
export function names(value: number | number[]): string {
  const list = typeof value === 'number' ? [value] : value
  return list.map((index) => report.labels[index]).join(', ') || '∅'
}

/** Whether pictures are so small that their pixels should stay squares. */
export const pixelated = Math.max(pictures.height, pictures.width) <= 48
