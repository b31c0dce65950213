// What was done on this page, as the command line and the Python that do the same.

export interface Repeat {
  command: string
  python: string
}

const MOST = 50

export const repeats = $state<{ done: Repeat[] }>({ done: [] })

/** Remember the `command` and `python` that an answer of the server carries, newest first. */
export function repeated(answer: unknown): void {
  if (typeof answer !== 'object' || answer === null) return
  const { command, python } = answer as Partial<Repeat>
  if (typeof command !== 'string' || typeof python !== 'string') return
  const others = repeats.done.filter((one) => one.command !== command)
  repeats.done = [{ command, python }, ...others].slice(0, MOST)
}
