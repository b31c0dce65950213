// English sentences in Korean, by a table of templates whose placeholders may hold further sentences.
import { withParticles } from './particles'

/** English template -> Korean template; "{name}" is a placeholder of both. */
export type Table = Readonly<Record<string, string>>

/** What placeholders of these names match; those of others match anything. */
const PATTERNS: readonly (readonly [names: RegExp, pattern: string])[] = [
  [
    /^(budget|chance|epochs|[hkmnw]|[kps][hw]|high|images|left|low|minutes|px|right|steps|test|train|val)$/,
    '[-+]?[\\d.,]+(?:e[-+]?\\d+)?%?',
  ],
  [/^layer$/, 'layer [\\d.]+(?: \\(\\w+\\))?'],
  [/^where$/, 'layer [\\d.]+(?: \\(\\w+\\))?|\\w+'],
  [/^hint$/, "(?: \\(did you mean '.*?'\\?\\))?"],
  [/^under$/, '(?: \\(licence .*?\\))?'],
  [/^bounds$/, '(?:at least|above|at most|below) .*?'],
  [/^accuracy$/, 'validation accuracy .*?'],
  [/^finding$/, '(?:not even|is no better|shows nothing,) .*?'],
  [/^coverage$/, 'a cell of the last map, .*? pixels'],
  [/^verb$/, 'falls|may fall'],
  [/^method$/, '[\\w ,]+'],
  [/^part$/, '(?:kept|new|left) .*?'],
  [/^number$/, 'a (?:whole )?number'],
  [/^item$/, '\\w+'],
  [/^changes$/, '\\w+ was .*'],
  [/^fold$/, 'images of train .*'],
  [/^lines$/, '(?:line|row)s? \\d.*?'],
  [/^now$/, '[^;]*?'],
  [/^be$/, 'is|are'],
  [/^do$/, 'does|do'],
  [/^scope$/, '(?: of train and val)?'],
  [/^share$/, '.+? [\\d.]+(?: %)?'],
]
/** Placeholders that hold another sentence of the table. */
const SENTENCE =
  /^(accuracy|bounds|changes|coverage|difference|features|finding|fold|fix|line|measured|more|note|number|parts?|plan|problem|shapes?|share|subject|task|text)$/
/** Those that hold one, or a word as it is. */
const SENTENCE_OR_WORD =
  /^(again|count|default|estimate|hint|kind|layer|limit|method|most|source|split|splits|time|total|under|unit|what|where|which)$/
/** Those that hold one, or words of the system or of a person. */
const SENTENCE_OR_WORDS = /^(added|gone|reason|received)$/
/** Those that hold one, or what a value may be: a word or a list. */
const SENTENCE_OR_VALUE = /^(allowed|alternative)$/
const VALUE = /^([\w.-]+|\[[^[\]]*\])$/
/** The end of a list that is not shown whole. */
const MORE = / and ([\d,]+) more$/
const SEVERAL_WORDS = /[a-z]+ [a-z]+ [a-z]+/
/** Characters of the longest text that is translated. */
const MAX_LENGTH = 2000
const MAX_KEPT = 5000

interface Template {
  pattern: RegExp
  /** The longest text between placeholders: a sentence without it does not match. */
  fixed: string
  names: string[]
  korean: string
}

function template(english: string, korean: string): Template {
  const parts = english.split(/\{(\w+)\}/) // text and names of placeholders in turn
  const texts = parts.filter((_, i) => i % 2 === 0)
  const source = parts.map((part, i) =>
    i % 2
      ? `(${PATTERNS.find(([names]) => names.test(part))?.[1] ?? '.*?'})`
      : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  )
  return {
    pattern: new RegExp(`^${source.join('')}$`, 's'),
    fixed: texts.reduce((a, b) => (b.length > a.length ? b : a)),
    names: parts.filter((_, i) => i % 2),
    korean,
  }
}

/** A function that returns a sentence in Korean; undefined where the table has none. */
export function translatorOf(table: Table): (text: string) => string | undefined {
  const templates = Object.entries(table).map(([english, korean]) => template(english, korean))
  const known = new Map<string, string | undefined>()

  /** Each text is looked up once: several templates ask for the same part, and a log is shown again and again. */
  function translate(text: string): string | undefined {
    if (text.length > MAX_LENGTH) return undefined
    if (known.has(text)) return known.get(text)
    if (known.size >= MAX_KEPT) known.clear()
    const korean = lookUp(text)
    known.set(text, korean)
    return korean
  }

  /** Also of a sentence that was given a capital and a full stop. */
  function lookUp(text: string): string | undefined {
    const bare = /^[A-Z]/.test(text) ? text[0]!.toLowerCase() + text.slice(1).replace(/\.$/, '') : undefined
    return match(text) ?? (bare === undefined ? undefined : match(bare))
  }

  function match(text: string): string | undefined {
    for (const one of templates) {
      const values = text.includes(one.fixed) ? one.pattern.exec(text)?.slice(1) : undefined
      const parts = values && partsOf(one.names, values)
      if (parts)
        return withParticles(one.korean, (part) =>
          part.replace(/\{(\w+)\}/g, (_, name: string) => parts.get(name) ?? ''),
        )
    }
    return undefined
  }

  /** The values of a template in Korean; undefined where one must be a sentence of the table and is none. */
  function partsOf(names: readonly string[], values: readonly string[]): Map<string, string> | undefined {
    const parts = new Map<string, string>()
    for (const [i, name] of names.entries()) {
      const part = partOf(name, values[i]!)
      if (part === undefined) return undefined
      parts.set(name, part)
    }
    return parts
  }

  function partOf(name: string, value: string): string | undefined {
    if (SENTENCE.test(name)) return translate(value)
    if (SENTENCE_OR_WORD.test(name)) return translate(value) ?? (SEVERAL_WORDS.test(value) ? undefined : value)
    if (SENTENCE_OR_VALUE.test(name)) return translate(value) ?? (VALUE.test(value) ? value : undefined)
    if (SENTENCE_OR_WORDS.test(name)) return translate(value) ?? value
    if (name === 'lines') return `${value.replace(/^\w+ /, '').replace(MORE, '행 외 $1개 ')}행`
    if (name === 'readings') return value.replace(/' as (train|val|test)(?=, '|$)/g, "' → $1")
    return value.replace(MORE, ' 외 $1개')
  }

  return translate
}
