// What a run's model says of every image of the open project, shown beside the labels.
import { get, post, projectPath } from '../api'
import { onEvent } from '../events'
import { attempt, studio } from '../state.svelte'
import type { Predictions, Task } from '../types'

class PredictionTable {
  answer = $state.raw<Predictions>()
  /** The run whose predictions a person asked for; empty: none are shown. */
  run = $state('')
  private project = ''
  private readonly rows = $derived(new Map(this.answer?.ids.map((id, row) => [id, row])))

  get shown(): boolean {
    return this.run !== ''
  }

  get done(): boolean {
    return this.shown && this.answer?.run === this.run && this.answer.state === 'done'
  }

  /** The predicted class of an image and its probability in percent. */
  of(id: number): { label: string; probability: number } | undefined {
    const row = this.answer?.run === this.run ? this.rows.get(id) : undefined
    const label = row === undefined ? undefined : this.answer!.labels[this.answer!.predicted[row]!]
    return label === undefined ? undefined : { label, probability: this.answer!.probability[row!]! }
  }

  /** The labelled images that the model puts into another class, the surest first. */
  differing(): number[] {
    const { table } = studio
    const found = Array.from(table.filter({ view: 'all' }), (row) => {
      const name = studio.className(table.labels[row])
      const predicted = this.of(table.ids[row]!)
      const differs = name !== undefined && predicted !== undefined && predicted.label !== name
      return { id: table.ids[row]!, probability: differs ? predicted.probability : -1 }
    })
    return found
      .filter((one) => one.probability >= 0)
      .sort((a, b) => b.probability - a.probability)
      .map((one) => one.id)
  }

  async load(project: string): Promise<void> {
    const found = await attempt(() => get<Predictions>(`${projectPath(project)}/predictions`))
    if (found && studio.project?.id === project) this.answer = found
  }

  /** Show what a run's model says; hide everything where `run` is empty. */
  async show(project: string, run: string): Promise<void> {
    this.run = run
    if (!run || (this.done && !this.answer?.stale)) return
    if (await attempt(() => post(`${projectPath(project)}/predictions`, { run }))) await this.load(project)
    else this.run = ''
  }

  /** Read again what a changed name of a class changes; merged classes are predicted anew. */
  async renamed(project: string): Promise<void> {
    if (!this.shown) return
    await this.load(project)
    await this.show(project, this.run)
  }

  /** Read what was predicted, once that has ended; what failed is no longer shown. */
  async ended(project: string): Promise<void> {
    await this.load(project)
    if (this.answer?.state !== 'done' && this.answer?.state !== 'running') this.run = ''
  }

  /** Begin with a project: nothing of another one stays. */
  open(project: string): void {
    if (this.project !== project) Object.assign(this, { project, answer: undefined, run: '' })
  }
}

export const predictions = new PredictionTable()

onEvent<Task>('task', (task) => {
  const { project } = studio
  if (project && task.kind === 'predictions' && task.state !== 'running') void predictions.ended(project.id)
})
