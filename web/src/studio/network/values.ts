// Values of a form's fields as text, and back: numbers, words, lists of numbers.
import type { JsonSchema } from './types'

/** The words and single numbers that a schema allows. */
export function wordsOf(schema: JsonSchema): (string | number)[] {
  const own = [...(schema.enum ?? []), schema.const].filter(
    (word): word is string | number => typeof word === 'string' || typeof word === 'number',
  )
  return [...own, ...(schema.anyOf ?? []).flatMap(wordsOf)]
}

export const allows = (schema: JsonSchema, type: string): boolean =>
  schema.type === type || (schema.anyOf ?? []).some((part) => allows(part, type))

/** Whether words are all that a schema allows, null apart. */
export function isChoice(schema: JsonSchema): boolean {
  if (schema.enum || schema.const !== undefined) return true
  const parts = (schema.anyOf ?? []).filter((part) => part.type !== 'null')
  return parts.length > 0 && parts.every(isChoice)
}

export function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) {
    const same = value.length > 0 && value.every((item) => item === value[0])
    return same ? textOf(value[0]) : value.map(textOf).join(', ')
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** What was typed: a number, a list of numbers "3, 5", or a word as it is; undefined where empty. */
export function valueOf(text: string): unknown {
  const parts = text
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .split(/[,\sx×]+/)
    .filter((part) => part !== '')
  if (parts.length === 0) return undefined
  const numbers = parts.map(Number)
  if (numbers.some((number) => !Number.isFinite(number))) return text.trim()
  return numbers.length === 1 ? numbers[0] : numbers
}
