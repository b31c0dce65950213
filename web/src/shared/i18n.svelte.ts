// The page's language and its words: a table of [English, Korean] per page, numbers in one form.

export type Lang = 'en' | 'ko'
export type Words = Record<string, readonly [en: string, ko: string]>

export const language = $state<{ current: Lang }>({
  current: document.documentElement.lang === 'ko' ? 'ko' : 'en',
})

/** Change the language of everything shown, and of the document for screen readers. */
export function speak(lang: Lang): void {
  language.current = lang
  document.documentElement.lang = lang
}

/** A function that says a key of `words` in the current language; {name} takes a value. */
export function speaker<W extends Words>(words: W) {
  return (key: keyof W & string, values: Record<string, string | number> = {}): string => {
    const text = words[key]![language.current === 'ko' ? 1 : 0]
    return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
  }
}
