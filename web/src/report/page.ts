// The page's data and words, and lookups in them.

import { pageData } from '../shared/data'
import { translator } from '../shared/i18n.svelte'
import type { ImageTable, Report } from './types'
import { words } from './words'

export const report = pageData<Report>()
export const t = translator(words)

const images: ImageTable = report.images
const indexOfPath = new Map(images.path.map((path, index) => [path, index]))

/** The thumbnail of an image by its path; '' where it has none. */
export function thumbnail(path: string): string {
  const index = indexOfPath.get(path)
  return index === undefined ? '' : (images.thumbnail[index] ?? '')
}

/** Indices of the images with this true and this predicted class. */
export function imagesInCell(trueClass: number, predictedClass: number): number[] {
  return images.true.flatMap((label, index) =>
    label === trueClass && images.predicted[index] === predictedClass ? [index] : [],
  )
}

/** Class names of one value of the `true` or `predicted` column. */
export function classNames(value: number | number[]): string {
  const list = typeof value === 'number' ? [value] : value
  return list.map((index) => report.labels[index]).join(', ') || '∅'
}

/** Whether images are so small that their pixels should be drawn as squares. */
export const pixelated = Math.max(images.height, images.width) <= 48
