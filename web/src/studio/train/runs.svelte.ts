// The runs of the open project, as the server tells them, and the one that is looked at.
import { get, post, projectPath, remove, runPath } from '../api'
import { onEvent } from '../events'
import { attempt } from '../state.svelte'
import type { RunDetail, RunStatus, StepLine } from './types'

const MAX_POINTS = 1200
const REFRESH_MS = 1500

export class Runs {
  list = $state.raw<RunStatus[]>([])
  detail = $state.raw<RunDetail>()
  loaded = $state(false)
  /** When `latest` of the run in detail was told, by this page's clock in ms. */
  toldAt = $state(0)
  readonly project: string
  #end: () => void
  #openedAt = 0
  #planned: ReturnType<typeof setTimeout> | undefined

  constructor(project: string) {
    this.project = project
    this.#end = onEvent<RunStatus>('run', (status) => this.#told(status))
  }

  close(): void {
    this.#end()
    clearTimeout(this.#planned)
  }

  async load(): Promise<void> {
    const found = await attempt(() => get<RunStatus[]>(`${projectPath(this.project)}/runs`))
    if (found) this.list = found
    this.loaded = this.loaded || found !== undefined
    const shown = this.detail?.id
    if (shown && !found?.some((run) => run.id === shown)) this.detail = undefined
    else if (shown) await this.open(shown)
  }

  async open(id: string): Promise<void> {
    const found = await attempt(() => get<RunDetail>(runPath(this.project, id)))
    if (!found) return
    this.detail = found
    this.toldAt = this.#openedAt = Date.now()
  }

  #told(status: RunStatus): void {
    if (status.state === 'removed') {
      this.list = this.list.filter((run) => run.id !== status.id)
      if (this.detail?.id === status.id) this.detail = undefined
      return
    }
    const known = this.list.some((run) => run.id === status.id)
    this.list = known ? this.list.map((run) => (run.id === status.id ? status : run)) : [status, ...this.list]
    const before = this.detail
    if (before?.id !== status.id) return
    const latest = status.latest
    const grown =
      latest && latest.step > (before.steps.at(-1)?.step ?? 0) ? appended(before.steps, latest) : before.steps
    this.detail = { ...before, ...status, steps: grown }
    if (latest && latest.step !== before.latest?.step) this.toldAt = Date.now()
    const changed = before.epochs !== status.epochs || before.state !== status.state || (!before.plan && latest)
    if (changed) this.#openSoon(status.id, before.state !== status.state)
  }

  /** Read the run anew, now or at the end of a pause: epochs may be many a second. */
  #openSoon(id: string, now: boolean): void {
    if (this.#planned !== undefined && !now) return
    clearTimeout(this.#planned)
    const wait = now ? 0 : Math.max(0, this.#openedAt + REFRESH_MS - Date.now())
    this.#planned = setTimeout(() => {
      this.#planned = undefined
      if (this.detail?.id === id) void this.open(id)
    }, wait)
  }

  async act(id: string, action: 'pause' | 'stop' | 'resume' | 'extend', body: object = {}): Promise<boolean> {
    const status = await attempt(() => post<RunStatus>(`${runPath(this.project, id)}/${action}`, body))
    if (status) this.#told(status)
    return status !== undefined
  }

  async remove(id: string): Promise<void> {
    const done = await attempt(() => remove(runPath(this.project, id)))
    if (done !== undefined) this.#told({ ...this.list.find((run) => run.id === id)!, state: 'removed' })
  }
}

/** The curve with its newest point; every second one goes where there are too many. */
function appended(steps: readonly StepLine[], latest: StepLine): StepLine[] {
  const kept = steps.length >= MAX_POINTS ? steps.filter((_, index) => index % 2 === 1) : steps
  return [...kept, latest]
}
