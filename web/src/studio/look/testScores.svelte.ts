// The scores of a run's model on test: asked for by a person, kept by the server.
import { get, post, runPath } from '../api'
import { attempt, studio } from '../state.svelte'
import type { TestData } from './scores'

export class TestEvaluation {
  data = $state.raw<TestData>()
  /** Asked for on this page. */
  private asked = $state(false)
  private readonly path: string

  constructor(project: string, run: string) {
    this.path = `${runPath(project, run)}/test`
  }

  /** Also one that another page has asked for, or this one before a reload. */
  get running(): boolean {
    return this.asked || [...studio.tasks.values()].some((one) => one.kind === TASK && one.state === 'running')
  }

  async load(): Promise<void> {
    this.data = (await attempt(() => get<TestData>(this.path))) ?? this.data
  }

  async evaluate(): Promise<void> {
    this.asked = true
    const found = await attempt(() => post<TestData>(this.path))
    this.asked = false
    if (found) this.data = found
  }
}

const TASK = 'evaluate-test'
