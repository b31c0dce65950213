// The runs of the open project as the server tells them while they train, and the one that is looked at.
import { get, post, projectPath, remove, runPath } from '../api'
import { onEvent } from '../events'
import { attempt } from '../state.svelte'
import { Pace } from './pace'
import type { RunDetail, RunStatus, StepLine } from './types'

const MAX_POINTS = 600
const MAX_TOLD = 600

export class LiveRuns {
  list = $state.raw<RunStatus[]>([])
  detail = $state.raw<RunDetail>()
  loaded = $state(false)
  /** When `latest` of the run in detail was told, by this page's clock in ms. */
  toldAt = $state(0)
  readonly project: string
  /** The id of the run in detail, or of the one that is being read. */
  #opened = ''
  #end: () => void
  readonly #pace = new Pace()
  #told: RunStatus[] = []
  #missed = false

  constructor(project: string) {
    this.project = project
    this.#end = onEvent<RunStatus>('run', (status) => this.#take(status))
  }

  close(): void {
    this.#end()
    this.#pace.close()
  }

  async load(): Promise<void> {
    const found = await attempt(() => get<RunStatus[]>(`${projectPath(this.project)}/runs`))
    if (!found) return
    this.list = found
    this.loaded = true
    if (this.#opened && !found.some((run) => run.id === this.#opened)) this.#forget(this.#opened)
    else if (this.#opened) await this.read()
  }

  async open(id: string): Promise<void> {
    this.#opened = id
    await this.read()
  }

  /** Read the run in detail again. */
  async read(): Promise<void> {
    const id = this.#opened
    const found = await attempt(() => get<RunDetail>(runPath(this.project, id)))
    if (!found || id !== this.#opened) return
    this.detail = found
    this.toldAt = Date.now()
  }

  #forget(id: string): void {
    if (this.#opened === id) this.#opened = ''
    if (this.detail?.id === id) this.detail = undefined
  }

  /** Keep what was told until drawing is due; another state is shown at once. */
  #take(status: RunStatus): void {
    this.#told.push(status)
    if (this.#told.length > MAX_TOLD) {
      this.#told.shift() // the page is hidden; it asks again when it is seen
      this.#missed = true
    }
    const known = this.list.find((run) => run.id === status.id)
    this.#pace.plan(() => this.#show())
    if (known?.state !== status.state || known.stopping !== status.stopping) this.#pace.flush()
  }

  #show(): void {
    const told = this.#told
    this.#told = []
    if (this.#missed) {
      this.#missed = false
      void this.load()
    }
    const newest = (id: string): RunStatus | undefined => told.findLast((status) => status.id === id)
    const isNew = (status: RunStatus): boolean => !this.list.some((run) => run.id === status.id)
    const added = told.filter((status) => isNew(status) && newest(status.id) === status)
    const known = this.list.map((run) => newest(run.id) ?? run)
    this.list = [...added, ...known].filter((run) => run.state !== 'removed')
    const { detail } = this
    if (detail && newest(detail.id)?.state === 'removed') this.#forget(detail.id)
    else if (detail) this.#grow(told.filter((status) => status.id === detail.id))
  }

  /** Add the points that were told to the curves of the run in detail. */
  #grow(told: RunStatus[]): void {
    const before = this.detail!
    const status = told.at(-1)
    if (!status) return
    const steps = [...before.steps]
    const history = [...before.history]
    for (const { latest, epoch_line } of told) {
      if (latest && latest.step > (steps.at(-1)?.step ?? 0)) steps.push(latest)
      if (epoch_line && epoch_line.epoch > (history.at(-1)?.epoch ?? 0)) history.push(epoch_line)
    }
    this.detail = { ...before, ...status, steps: thinned(steps), history }
    if (status.latest?.step !== before.latest?.step) this.toldAt = Date.now()
    if (before.state !== status.state || (!before.plan && status.latest)) void this.read()
  }

  async act(id: string, action: 'pause' | 'stop' | 'resume' | 'extend', body: object = {}): Promise<boolean> {
    const status = await attempt(() => post<RunStatus>(`${runPath(this.project, id)}/${action}`, body))
    if (status) this.#take(status)
    return status !== undefined
  }

  async remove(id: string): Promise<void> {
    const done = await attempt(() => remove(runPath(this.project, id)))
    if (done !== undefined) this.#take({ ...this.list.find((run) => run.id === id)!, state: 'removed' })
  }
}

/** Every second point of the curve where there are too many; the newest stays. */
function thinned(steps: StepLine[]): StepLine[] {
  return steps.length > MAX_POINTS ? steps.filter((_, index) => (steps.length - index) % 2 === 1) : steps
}
