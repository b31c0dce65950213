// The texts of the course: tables of [English, Korean] beside each chapter; a further language is one
// file in languages/ (see tables.ts).
import { further, textOf, translator, type Words } from '../shared/i18n.svelte'
import type { Language } from './tables'

const more = Object.values(import.meta.glob<Language>('./languages/*.ts', { eager: true, import: 'default' }))
for (const one of more) further[one.code] = one.texts

export const languages: readonly { code: string; name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'ko', name: '한국어' },
  ...more,
]

export { textOf }

/** A function that returns the texts of one table. */
export const texts = <W extends Words>(table: string, words: W) => translator(words, table)
