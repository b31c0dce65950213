// The sentences of the server in Korean; where the table has none, or in English, they stay as they are.
import { language } from '../shared/i18n.svelte'
import table from './sentences.json'

/** Placeholders that hold a sentence of the table themselves, and those that hold a number. */
const NESTED = /^(default|estimate|features|kind|limit|measured|most|reason|shape|time)$/
const NUMBER = /^(budget|chance|epochs|h|images|m|minutes|n|px|steps|w)$/

interface Template {
  pattern: RegExp
  names: string[]
  korean: string
}

function template(english: string, korean: string): Template {
  const parts = english.split(/\{(\w+)\}/) // text and names of placeholders in turn
  const names = parts.filter((_, i) => i % 2)
  const source = parts.map((part, i) =>
    i % 2 ? (NUMBER.test(part) ? '([\\d.,%]+)' : '(.*?)') : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  )
  return { pattern: new RegExp(`^${source.join('')}$`, 's'), names, korean }
}

const templates = Object.entries(table).map(([english, korean]) => template(english, korean))

function inKorean(text: string): string | undefined {
  for (const { pattern, names, korean } of templates) {
    const values = pattern.exec(text)?.slice(1)
    if (!values) continue
    const parts = new Map(names.map((name, i) => [name, inPart(name, values[i]!)]))
    if ([...parts.values()].includes(undefined)) continue
    return korean.replace(/\{(\w+)\}/g, (_, name: string) => parts.get(name) ?? '')
  }
  return undefined
}

/** A value of a template; undefined where it is a sentence of Foveal's own that the table has not. */
function inPart(name: string, value: string): string | undefined {
  if (!NESTED.test(name)) return value
  const mustBeKnown = name !== 'reason' && / .* /.test(value) // a reason may be the system's own words
  return inKorean(value) ?? (mustBeKnown ? undefined : value)
}

/** A sentence of the server in the language of the page, and the language that it is in. */
export function localised(text: string): { text: string; lang: 'en' | 'ko' } {
  const korean = language.current === 'ko' ? inKorean(text) : undefined
  return korean === undefined ? { text, lang: 'en' } : { text: korean, lang: 'ko' }
}
