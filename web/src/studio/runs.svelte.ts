// The runs of the open project, and the one whose model the tabs Look and Use show.
import { translator } from '../shared/i18n.svelte'
import { percent } from '../shared/numbers'
import { get, post, projectPath, runPath } from './api'
import { onEvent } from './events'
import { capital, localised } from './sentences'
import { attempt, studio, tell } from './state.svelte'
import { clock } from './train/time'
import type { RunStatus } from './types'
import { words } from './words'

const t = translator(words)

const NEW_HEAD = ', new head'

/** The name of a run, or when it began where it has none; that of one with a new head is made by the studio. */
export const runName = (run: RunStatus): string => headName(run.name) || clock(run.created)
export const headName = (name: string): string =>
  name.endsWith(NEW_HEAD) ? t('newHead', { name: headName(name.slice(0, -NEW_HEAD.length)) }) : name

/** Of a run that goes on the steps are told every second, which nothing shows outside of Train. */
const SHOWN = ['name', 'state', 'epochs', 'val_accuracy', 'model'] as const

class Runs {
  list = $state.raw<RunStatus[]>([])
  loaded = $state(false)
  /** The id that a person chose; else the newest run with a model is shown. */
  chosen = $state('')
  /** The id of a run with a new head that is being made. */
  retraining = $state('')
  project = ''
  readonly withModel = $derived(this.list.filter((run) => run.model))
  readonly current = $derived(this.withModel.find((run) => run.id === this.chosen) ?? this.withModel[0])

  async load(project: string): Promise<void> {
    if (this.project !== project) Object.assign(this, { list: [], loaded: false, chosen: '', retraining: '', project })
    const list = await attempt(() => get<RunStatus[]>(`${projectPath(project)}/runs`))
    if (this.project !== project) return
    this.list = list ?? this.list
    this.loaded = true
    this.showRetrained()
  }

  /** Fit the output layer of a run's model to the labels as they are now; its new run is shown. */
  async retrainHead(run: RunStatus): Promise<void> {
    const { project } = this
    const made = await attempt(() => post<RunStatus>(`${runPath(project, run.id)}/head`))
    if (!made || this.project !== project) return
    this.retraining = made.id
    await this.load(project)
  }

  /** Show what a run has told; one that is new is asked for. */
  take(status: RunStatus): void {
    const known = this.list.find((run) => run.id === status.id)
    if (!known) return void this.load(this.project)
    if (status.state === 'removed') this.list = this.list.filter((run) => run.id !== status.id)
    else if (SHOWN.some((key) => status[key] !== known[key]))
      this.list = this.list.map((run) => (run.id === status.id ? status : run))
    this.showRetrained()
  }

  private showRetrained(): void {
    const made = this.list.find((run) => run.id === this.retraining)
    if (!made || made.state === 'running') return
    const before = this.current?.val_accuracy ?? null
    this.retraining = ''
    if (made.state !== 'finished')
      return tell(made.error ? capital(localised(made.error).text) : t('headFailed'), 'error')
    this.chosen = made.id
    const shown = (value: number | null): string => (value === null ? '–' : percent(value, 1))
    tell(t('headDone', { before: shown(before), after: shown(made.val_accuracy) }))
  }
}

export const runs = new Runs()

const isShown = (): boolean => runs.loaded && runs.project === studio.project?.id
onEvent<RunStatus>('run', (status) => {
  if (isShown()) runs.take(status)
})
onEvent('reload', () => {
  if (isShown()) void runs.load(runs.project)
})
