// The page's language and its words: tables of [English, Korean].

/** 'en', 'ko'; the learn page may know more. */
export type Lang = string
export type Words = Record<string, readonly [en: string, ko: string]>

export const language = $state<{ current: Lang }>({
  current: document.documentElement.lang === 'ko' ? 'ko' : 'en',
})

/** Set the language of the page, and of the document for screen readers. */
export function setLanguage(lang: Lang): void {
  language.current = lang
  document.documentElement.lang = lang
}

/** A function that returns the text of a key in the current language; {name} takes a value. */
export function translator<W extends Words>(words: W) {
  return (key: keyof W & string, values: Record<string, string | number> = {}): string => {
    const text = words[key]![language.current === 'ko' ? 1 : 0]
    return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
  }
}
