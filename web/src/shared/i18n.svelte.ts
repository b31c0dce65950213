// The page's language and its words: tables of [English, Korean].
import { withParticles } from './particles'

/** 'en', 'ko'; the course may know more. */
export type Lang = string
export type Words = Record<string, readonly [en: string, ko: string]>
export type Values = Record<string, string | number>

export const language = $state<{ current: Lang }>({
  current: document.documentElement.lang === 'ko' ? 'ko' : 'en',
})

/** Texts of further languages: code -> table -> key -> text. Only the course has some. */
export const further: Record<Lang, Record<string, Record<string, string>>> = {}

/** Set the language of the page, and of the document for screen readers. */
export function setLanguage(lang: Lang): void {
  language.current = lang
  document.documentElement.lang = lang
}

const put = (text: string, values: Values): string =>
  text.replace(/\{(\w+)(?::(\w+)\|(\w+))?\}/g, (_, name: string, one?: string, many?: string) =>
    one === undefined ? String(values[name] ?? '') : String(values[name]) === '1' ? one : many!,
  )

/**
 * The text of a key of a table in the current language; {name} takes a value, and {name:one|many}
 * the first word where that value is 1.
 */
export function textOf(table: string, words: Words, key: string, values: Values = {}): string {
  const korean = language.current === 'ko'
  const text = further[language.current]?.[table]?.[key] ?? words[key]?.[korean ? 1 : 0] ?? ''
  return korean ? withParticles(text, (part) => put(part, values)) : put(text, values)
}

/** A function that returns the texts of one table; `table` is its name where there are further languages. */
export function translator<W extends Words>(words: W, table = '') {
  return (key: keyof W & string, values: Values = {}): string => textOf(table, words, key, values)
}
