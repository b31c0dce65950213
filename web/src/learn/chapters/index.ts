// The chapters in their order; the id is the address.
import type { Component } from 'svelte'
import type { Words } from '../../shared/i18n.svelte'
import Network from './Network.svelte'
import { networkWords } from './network'

export interface ChapterEntry {
  id: string
  words: Words // title, about, lead, more, try, note, task1.., hint1.., why1.. and those of the figure
  component: Component
  sample: boolean // the sample image is used
}

export const chapters: readonly ChapterEntry[] = [
  { id: 'network', words: networkWords, component: Network, sample: false },
]

/** How many tasks a chapter has. */
export function taskCount(id: string): number {
  const words = chapters.find((one) => one.id === id)!.words
  return Object.keys(words).filter((key) => /^task\d$/.test(key)).length
}

/** 0 .. its number of tasks - 1. */
export const tasksOf = (id: string): number[] => Array.from({ length: taskCount(id) }, (_, k) => k)
