// What a person does to images: one change of the server each, with a sentence that offers undo.
import { translator } from '../../shared/i18n.svelte'
import { count } from '../../shared/numbers'
import { type Change, change, studio, tell } from '../state.svelte'
import { SPLITS } from '../types'
import { predictions } from './predictions.svelte'
import { view } from './view.svelte'
import { words } from './words'

const t = translator(words)

async function done(wanted: Change, text: string): Promise<boolean> {
  const changed = await change(wanted)
  if (changed) tell(text, 'done', true)
  return changed
}

/** Give images a class, which may be a new one; null: none. */
export async function label(ids: number[], name: string | null): Promise<boolean> {
  if (!ids.length) return false
  const n = count(ids.length)
  return done(
    { op: 'label', ids, label: name },
    name === null ? t('labelRemoved', { n }) : t('labelled', { n, label: name }),
  )
}

/** Label with the class of a number key: '1' is the first class; '0' removes the label. */
export async function labelByKey(ids: number[], key: string): Promise<boolean> {
  if (key === '0') return label(ids, null)
  const name = studio.project?.classes[Number(key) - 1]?.name
  return name === undefined ? false : label(ids, name)
}

/** Label each image with the class that a finding proposes for it, or the shown model predicts: one step. */
export async function labelAsPredicted(ids: number[]): Promise<boolean> {
  const named = ids.flatMap((id) => {
    const name = view.proposed ?? predictions.of(id)?.label
    return name === undefined ? [] : [{ id, name }]
  })
  const names = new Set(named.map((one) => one.name))
  if (names.size < 2)
    return label(
      named.map((one) => one.id),
      named[0]?.name ?? null,
    )
  return done(
    { op: 'label_each', ids: named.map((one) => one.id), labels: named.map((one) => one.name) },
    t('labelledEach', { n: count(named.length), classes: count(names.size) }),
  )
}

export async function leaveOut(ids: number[]): Promise<boolean> {
  return ids.length > 0 && done({ op: 'leave_out', ids }, t('leftOutDone', { n: count(ids.length) }))
}

export async function keep(ids: number[]): Promise<boolean> {
  return ids.length > 0 && done({ op: 'keep', ids }, t('keptDone', { n: count(ids.length) }))
}

export async function setSplit(ids: number[], split: number): Promise<boolean> {
  const name = t(SPLITS[split as 0 | 1 | 2 | 3])
  return ids.length > 0 && done({ op: 'split', ids, split }, t('splitDone', { n: count(ids.length), split: name }))
}

/** Give images a group, which stays in one split; null: none. */
export async function setGroup(ids: number[], group: string | null): Promise<boolean> {
  const n = count(ids.length)
  const text = group === null ? t('groupRemoved', { n }) : t('grouped', { n, group })
  return ids.length > 0 && done({ op: 'group', ids, group }, text)
}

/** Accept what a finding says of images: a new check says it no more. */
export async function accept(kind: string, ids: number[]): Promise<boolean> {
  return ids.length > 0 && done({ op: 'accept', kind, ids }, t('accepted', { n: count(ids.length) }))
}

export async function undo(): Promise<void> {
  if (await change({ op: 'undo' })) tell(t('undone'))
}

export async function redo(): Promise<void> {
  if (await change({ op: 'redo' })) tell(t('redone'))
}

/** Whether a key press belongs to a text field. */
export function inField(event: Event): boolean {
  const target = event.target as HTMLElement
  return target.matches('input:not([type="range"], [type="checkbox"]), select, textarea, [contenteditable]')
}
