// The texts of the course: tables of [English, Korean] beside each chapter; a further language is one
// file in languages/ that gives the texts of every table by its name.
import { language, type Words } from '../shared/i18n.svelte'

export interface Language {
  code: string
  name: string
  texts: Record<string, Record<string, string>> // table -> key -> text
}

const more = Object.values(import.meta.glob<Language>('./languages/*.ts', { eager: true, import: 'default' }))

export const languages: readonly { code: string; name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'ko', name: '한국어' },
  ...more,
]

export type Values = Record<string, string | number>

/** The text of a key of a table in the current language, else in English; {name} takes a value. */
export function textOf(table: string, words: Words, key: string, values: Values = {}): string {
  const further = more.find((one) => one.code === language.current)?.texts[table]?.[key]
  const text = further ?? words[key]?.[language.current === 'ko' ? 1 : 0] ?? ''
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}

/** A function that returns the texts of one table. */
export function texts<W extends Words>(table: string, words: W) {
  return (key: keyof W & string, values: Values = {}): string => textOf(table, words, key, values)
}

/** The table with values put into one of its texts. */
export function filled<W extends Words>(words: W, key: keyof W & string, values: Values): Words {
  const put = (text: string): string => text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
  const [en, ko] = words[key]!
  return { ...words, [key]: [put(en), put(ko)] }
}
