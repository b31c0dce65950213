// The sentences of the server in Korean; where the tables have none, or in English, they stay as they are.
import { language } from '../shared/i18n.svelte'
import { translatorOf } from './korean'
import { table } from './sentences/table'

const translate = translatorOf(table)

export interface Localised {
  text: string
  lang: 'en' | 'ko'
}

/** A sentence that stands by itself, with a capital; a name or command at its start stays as it is. */
export const capital = (text: string): string =>
  /^(?!foveal )[a-z]+[ ,:;]/.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text

/** A sentence of the server in the language of the page, and the language that it is in. */
export function localised(text: string): Localised {
  if (language.current !== 'ko') return { text, lang: 'en' }
  const whole = translate(text)
  if (whole !== undefined) return { text: whole, lang: 'ko' }
  const lines = text.split('\n').map(translate) // of several mistakes each has its line
  if (lines.length === 1 || lines.includes(undefined)) return { text, lang: 'en' }
  return { text: lines.join('\n'), lang: 'ko' }
}
