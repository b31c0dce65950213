// The page's data and its words, read once, and small looks into them.

import { pageData } from '../shared/data'
import { speaker } from '../shared/i18n.svelte'
import type { Images, Report } from './types'
import { words } from './words'

export const report = pageData<Report>()
export const t = speaker(words)

const images: Images = report.images
const place = new Map(images.path.map((path, index) => [path, index]))

/** The thumbnail of an image by its path; '' where it has none. */
export function thumbnail(path: string): string {
  const index = place.get(path)
  return index === undefined ? '' : (images.thumbnail[index] ?? '')
}

/** Numbers of the images whose truth and answer are these classes. */
export function inCell(truth: number, answer: number): number[] {
  const found: number[] = []
  images.true.forEach((label, index) => {
    if (label === truth && images.predicted[index] === answer) found.push(index)
  })
  return found
}

/** Class names of one value of the `true` or `predicted` column. */
export function names(value: number | number[]): string {
  const list = typeof value === 'number' ? [value] : value
  return list.map((index) => report.labels[index]).join(', ') || '∅'
}

/** Whether images are so small that their pixels should stay squares. */
export const pixelated = Math.max(images.height, images.width) <= 48
