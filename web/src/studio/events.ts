// The server's events of the open project. The browser connects again by itself after a lost
// connection; where it gave up (the server answered with an error), a new connection is tried.

type Listener = (data: never) => void
const NAMES = ['project', 'task', 'run', 'reload', 'deleted'] as const
export type EventName = (typeof NAMES)[number]

const listeners = new Map<EventName, Set<Listener>>()
let source: EventSource | undefined
let timer: ReturnType<typeof setTimeout> | undefined

const LONGEST_WAIT_MS = 10_000

/** Call `listener` with the data of each event of this name; returns what ends that. */
export function onEvent<T>(name: EventName, listener: (data: T) => void): () => void {
  const of = listeners.get(name) ?? new Set<Listener>()
  listeners.set(name, of.add(listener as Listener))
  return () => of.delete(listener as Listener)
}

/** Call the listeners of an event: of the server, or one that was missed. */
export function pass(name: EventName, data: unknown): void {
  for (const listener of listeners.get(name) ?? []) listener(data as never)
}

/** Listen to a project; `onstate` hears whether the connection stands. Replaces the one before. */
export function connect(project: string, onstate: (open: boolean) => void, wait = 500): void {
  disconnect()
  const own = new EventSource(`/api/projects/${encodeURIComponent(project)}/events`)
  source = own
  own.onopen = () => {
    wait = 500
    onstate(true)
  }
  own.onerror = () => {
    onstate(false)
    if (own.readyState !== EventSource.CLOSED || source !== own) return
    timer = setTimeout(() => connect(project, onstate, Math.min(2 * wait, LONGEST_WAIT_MS)), wait)
  }
  for (const name of NAMES)
    own.addEventListener(name, (event) => pass(name, JSON.parse((event as MessageEvent<string>).data)))
}

export function disconnect(): void {
  clearTimeout(timer)
  source?.close()
  source = undefined
}
