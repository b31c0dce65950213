// What the whole page shares: the workspace, the open project, its images, tasks, messages.
import { SvelteMap } from 'svelte/reactivity'
import { translator } from '../shared/i18n.svelte'
import { RequestError, get, post, projectPath } from './api'
import { ImageTable } from './data/table'
import { connect, disconnect, onEvent, pass } from './events'
import { capital, localised } from './sentences'
import type { ImageColumns, Project, StudioInfo, Task } from './types'
import { words } from './words'

export const TABS = ['data', 'network', 'train', 'look', 'use'] as const
export type Tab = (typeof TABS)[number]

export interface Message {
  id: number
  text: string
  kind: 'error' | 'done'
  undo?: boolean
}

class Studio {
  info = $state.raw<StudioInfo>()
  project = $state.raw<Project>()
  table = $state.raw(ImageTable.empty)
  tab = $state<Tab>('data')
  connected = $state(true)
  messages = $state<Message[]>([])
  readonly tasks = new SvelteMap<string, Task>()
  private readonly names = $derived(new Map(this.project?.classes.map((one) => [one.id, one.name])))

  /** The name of a class by its id; undefined for -1. */
  className(id: number | undefined): string | undefined {
    return id === undefined ? undefined : this.names.get(id)
  }
}

export const studio = new Studio()
const t = translator(words)
const SHOWN_MS = 6000
let messageNumber = 0

/** Show one sentence until it is closed; a message that work is done goes by itself. */
export function tell(text: string, kind: Message['kind'] = 'done', undo = false): void {
  const id = ++messageNumber
  const kept = studio.messages.filter((one) => one.kind === 'error' && one.text !== text)
  studio.messages = [...kept.slice(-3), { id, text, kind, undo }]
  if (kind === 'done') expire(id)
}

/** Dismiss a message after a while; later where the pointer or the keyboard is at the messages. */
function expire(id: number): void {
  setTimeout(() => {
    if (document.querySelector('.messages:is(:hover, :focus-within)')) expire(id)
    else dismiss(id)
  }, SHOWN_MS)
}

export function dismiss(id: number): void {
  studio.messages = studio.messages.filter((one) => one.id !== id)
}

export function dismissErrors(): void {
  studio.messages = studio.messages.filter((one) => one.kind !== 'error')
}

export function sentence(error: unknown): string {
  if (error instanceof RequestError)
    return error.status === 0 ? t('unreachable') : capital(localised(error.reason).text)
  throw error
}

/** What the server says of a failure, as it says it; where it does not answer, that. */
export const reasonOf = (error: unknown): string =>
  error instanceof RequestError && error.reason ? error.reason : sentence(error)

/** The value of `work`; where it fails its sentence is shown and the value is undefined. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined
    tell(sentence(error), 'error')
    return undefined
  }
}

export async function loadInfo(): Promise<void> {
  studio.info = (await attempt(() => get<StudioInfo>('/studio'))) ?? studio.info
}

/** The address of a tab of a project: #/ID/data. */
export const address = (project: string, tab: Tab): string => `#/${encodeURIComponent(project)}/${tab}`
/** The id of the project in the address of the page, and its tab; empty where there is none. */
export function inAddress(): [project: string, tab: string] {
  const [, project = '', tab = ''] = location.hash.split('/')
  return [decodeURIComponent(project), tab]
}
export function go(project: string, tab: Tab): void {
  location.hash = address(project, tab)
}

export async function openProject(id: string): Promise<void> {
  const opened = await attempt(() => get<Project>(projectPath(id)))
  if (inAddress()[0] !== id) return // another one was chosen meanwhile
  closeProject()
  if (!opened) {
    location.hash = '#/'
    return
  }
  studio.project = opened
  connect(id, (open) => {
    const back = open && !studio.connected
    studio.connected = open
    if (back) void refresh()
  })
  await loadTable() // its tasks are asked for with the `reload` that each connection begins with
}

/** Read which work goes on; what has ended while there was no connection is told now. */
async function loadTasks(): Promise<void> {
  const { project } = studio
  if (!project) return
  const known = [...studio.tasks.values()].filter((task) => task.state === 'running')
  const running = await attempt(() => get<Task[]>(`${projectPath(project.id)}/tasks`))
  if (!running || studio.project?.id !== project.id) return
  for (const task of running) if (!studio.tasks.has(task.id)) studio.tasks.set(task.id, task)
  for (const task of known)
    if (!running.some((one) => one.id === task.id)) pass('task', { ...task, state: 'cancelled' })
}

export function closeProject(): void {
  disconnect()
  studio.tasks.clear()
  studio.connected = true
  studio.project = undefined
  studio.table = ImageTable.empty
}

/** Read all images of the open project anew. */
export async function loadTable(): Promise<void> {
  const { project } = studio
  if (!project) return
  const columns = await attempt(() => get<ImageColumns>(`${projectPath(project.id)}/images`))
  if (columns && studio.project?.id === project.id) studio.table = ImageTable.of(columns)
}

let refreshing: Promise<void> | undefined
let again = false

/** Read the open project and its images where the server's are newer. */
export function refresh(): Promise<void> {
  again = true // what is being read may be older than what this call is for
  refreshing ??= readAll().finally(() => (refreshing = undefined))
  return refreshing
}

async function readAll(): Promise<void> {
  while (again) {
    again = false
    await readNewer()
  }
}

async function readNewer(): Promise<void> {
  const id = studio.project?.id
  if (!id) return
  const before = studio.project
  const newest = await attempt(() => get<Project>(projectPath(id)))
  if (!newest || studio.project?.id !== id) return
  if (studio.project !== before) {
    again = true // it was changed here meanwhile: what was read may be older
    return
  }
  studio.project = newest
  if (studio.table.revision !== newest.revision) await loadTable()
}

export interface Change {
  op: string
  ids?: number[]
  label?: string | null
  labels?: string[] // one an image
  group?: string | null
  kind?: string
  split?: number
  name?: string
  names?: string[]
  to?: string
}

let changing: Promise<unknown> = Promise.resolve()

/**
 * Ask for a change once those before it are answered; the table follows at once where that is possible, else it is
 * read again. `undo` and `redo` are asked for where the project has what they change by then.
 */
export function change(wanted: Change): Promise<boolean> {
  const id = studio.project?.id
  if (id === undefined) return Promise.resolve(false)
  const asked = changing.then(() => changeNow(id, wanted))
  changing = asked.catch(() => undefined)
  return asked
}

const isPossible = (op: string, project: Project): boolean =>
  op === 'undo' ? project.can_undo : op === 'redo' ? project.can_redo : true

async function changeNow(id: string, wanted: Change): Promise<boolean> {
  const { project, table: before } = studio
  const isShown = project?.id === id
  if (isShown && !isPossible(wanted.op, project)) return false
  const changed = await attempt(() => post<Project>(`${projectPath(id)}/changes`, wanted))
  if (!changed || studio.project?.id !== id) return false
  const isNewest = isShown && before === studio.table && before.revision === project.revision
  const next = isNewest ? applied(before, wanted, changed) : null
  studio.project = changed
  if (next) studio.table = next
  else await loadTable()
  return true
}

function applied(table: ImageTable, wanted: Change, now: Project): ImageTable | null {
  const ids = wanted.ids ?? []
  const numberOf = (name: string): number | undefined => now.classes.find((one) => one.name === name)?.id
  if (wanted.op === 'label') {
    const label = wanted.label == null ? -1 : numberOf(wanted.label)
    return label === undefined ? null : table.with('labels', ids, label, now.revision)
  }
  if (wanted.op === 'label_each') {
    let next = table
    for (const name of new Set(wanted.labels)) {
      const own = ids.filter((_, i) => wanted.labels?.[i] === name)
      next = next.with('labels', own, numberOf(name) ?? -1, now.revision)
    }
    return next
  }
  if (wanted.op === 'accept' || wanted.op === 'group') return table.with('splits', [], 0, now.revision)
  if (wanted.op === 'leave_out') return table.with('leftOut', ids, 1, now.revision)
  if (wanted.op === 'keep') return table.with('leftOut', ids, 0, now.revision)
  if (wanted.op === 'split') return table.with('splits', ids, wanted.split ?? 0, now.revision)
  return null
}

const READ_AGAIN_MS = 700 // an upload of many files changes the project many times a second
let told = 0 // the newest revision that an event has told since the project was read again
let planned: ReturnType<typeof setTimeout> | undefined
onEvent<{ revision?: number }>('project', ({ revision = Infinity }) => {
  if (!studio.project || revision <= studio.project.revision) return
  told = Math.max(told, revision)
  planned ??= setTimeout(() => {
    planned = undefined
    if (studio.project && told > studio.project.revision) void refresh()
    told = 0
  }, READ_AGAIN_MS)
})
onEvent('reload', () => {
  void refresh()
  void loadTasks()
})
onEvent('deleted', () => {
  closeProject()
  location.hash = '#/'
})
onEvent<Task>('task', (task) => {
  studio.tasks.set(task.id, task)
  // what an export failed by stands in its place
  if (task.state === 'failed' && task.error && task.kind !== 'export-model')
    tell(capital(localised(task.error).text), 'error')
})
