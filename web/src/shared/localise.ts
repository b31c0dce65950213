// Sentences of Foveal in the language of the page.
import { language } from './i18n.svelte'
import { translatorOf, type Table } from './korean'

export interface Localised {
  text: string
  lang: 'en' | 'ko'
}

/** A function that gives a sentence in the language of the page where the table has it, and the language it is in. */
export function localiserOf(table: Table): (text: string) => Localised {
  const translate = translatorOf(table)

  return (text) => {
    if (language.current !== 'ko') return { text, lang: 'en' }
    const whole = translate(text)
    if (whole !== undefined) return { text: whole, lang: 'ko' }
    const lines = text.split('\n').map(translate) // of several mistakes each has its line
    if (lines.length === 1 || lines.includes(undefined)) return { text, lang: 'en' }
    return { text: lines.join('\n'), lang: 'ko' }
  }
}
