// The sentences of the server in Korean; where the tables have none, or in English, they stay as they are.
import { localiserOf } from '../shared/localise'
import { table } from './sentences/table'

/** A sentence that stands by itself, with a capital; a name or command at its start stays as it is. */
export const capital = (text: string): string =>
  /^(?!foveal )[a-z]+[ ,:;]/.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text

/** A sentence of the server in the language of the page, and the language that it is in. */
export const localised = localiserOf(table)
