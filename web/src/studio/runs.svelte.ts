// The runs of the open project, and the one whose model the tabs Look and Use show.
import { get, projectPath } from './api'
import { onEvent } from './events'
import { attempt, studio } from './state.svelte'
import type { RunSummary } from './types'

class Runs {
  list = $state.raw<RunSummary[]>([])
  loaded = $state(false)
  /** The id that a person chose; else the newest run with a model is shown. */
  chosen = $state('')
  private project = ''
  readonly withModel = $derived(this.list.filter((run) => typeof run.val_accuracy === 'number'))
  readonly current = $derived(this.withModel.find((run) => run.id === this.chosen) ?? this.withModel[0])

  async load(project: string): Promise<void> {
    if (this.project !== project) Object.assign(this, { list: [], loaded: false, chosen: '', project })
    const list = await attempt(() => get<RunSummary[]>(`${projectPath(project)}/runs`))
    if (this.project !== project) return
    this.list = list ?? this.list
    this.loaded = true
  }
}

export const runs = new Runs()

const READ_AGAIN_MS = 1000
let planned: ReturnType<typeof setTimeout> | undefined
onEvent('run', () => {
  planned ??= setTimeout(() => {
    planned = undefined
    if (studio.project && runs.loaded) void runs.load(studio.project.id)
  }, READ_AGAIN_MS)
})
