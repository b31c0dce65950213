// The check's findings of the open project; read again when a check ends.
import { get, post, projectPath } from '../api'
import { onEvent } from '../events'
import { attempt, studio } from '../state.svelte'
import { accept } from './actions'
import type { Finding, Findings, Task, WorkState } from '../types'

class FindingList {
  state = $state<WorkState>('none')
  stale = $state(false)
  error = $state<string | null>(null)
  list = $state.raw<Finding[]>([])
  private project = ''

  get running(): boolean {
    return this.state === 'running'
  }

  async load(project: string): Promise<void> {
    if (this.project !== project) Object.assign(this, { state: 'none', stale: false, error: null, list: [], project })
    const found = await attempt(() => get<Findings>(`${projectPath(project)}/findings`))
    if (!found || this.project !== project) return
    Object.assign(this, { state: found.state, stale: found.stale, error: found.error, list: found.findings })
  }

  async check(project: string): Promise<void> {
    this.state = 'running'
    if (!(await attempt(() => post(`${projectPath(project)}/findings`)))) this.state = 'none'
  }

  /** Its images stay as they are, and this is not said of them again. */
  async keep(finding: Finding): Promise<boolean> {
    return accept(finding.kind, [...new Set([...finding.ids, ...finding.pairs.flat()])])
  }
}

export const findings = new FindingList()

onEvent<Task>('task', (task) => {
  const { project } = studio
  if (project && task.kind === 'findings' && task.state !== 'running') void findings.load(project.id)
})
