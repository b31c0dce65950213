// What Foveal would choose for a new run: its network, the open hyper-parameters, and what they cost.
import { post, projectPath } from '../api'
import type { Checked, Design } from '../network/types'
import { labelledImages } from '../project'
import { reasonOf, studio } from '../state.svelte'
import type { Project } from '../types'
import type { Choice } from './types'

const DESIGN_MS = 600 // a design is asked for once a length is typed
const CHOOSE_MS = 250
/** Of the task that the server names so. */
const KIND = 'expected'

/** yaml: null where Foveal designs the network.  pretrained: whether weights of a pretrained network are the start. */
export interface NewRunValues {
  yaml: string | null
  minutes: number | null
  epochs: number | null
  startFrom: string
  recipe: Record<string, unknown>
  pretrained: boolean
}

/** A design of which only the network is known. */
const NOTHING: Omit<Design, 'start_from'> & { start_from?: string } = {
  yaml: '',
  recipe: {},
  recipe_reasons: {},
  reasons: [],
}

export class Expected {
  design = $state.raw<Design>()
  designing = $state(false)
  stopped = $state('') // why there is no design
  choices = $state.raw<Choice[]>([])
  checked = $state.raw<Checked>()
  wrong = $state('') // what is wrong with the values
  #designs = 0
  #asked = 0

  /** Design the network after a while; returns what ends that. */
  designLater(project: Project, minutes: number | null, startFrom: string): () => void {
    this.#designs++
    Object.assign(this, { design: undefined, designing: true, stopped: '' })
    const timer = setTimeout(() => void this.designNow(project, minutes, startFrom), DESIGN_MS)
    return () => clearTimeout(timer)
  }

  async designNow(project: Project, minutes: number | null, startFrom: string): Promise<void> {
    const number = ++this.#designs
    Object.assign(this, { design: undefined, designing: true, stopped: '' })
    try {
      const path = `${projectPath(project.id)}/${KIND}`
      const found = await post<Design>(path, { minutes, start_from: startFrom })
      if (number === this.#designs) this.design = found
    } catch (error) {
      if (number === this.#designs) this.stopped = reasonOf(error)
    }
    if (number === this.#designs) this.designing = false
  }

  /** No design is needed, or none any more: a run starts, or the form is left. */
  endDesign(project: string): void {
    this.#designs++
    Object.assign(this, { design: undefined, designing: false, stopped: '' })
    for (const task of studio.tasks.values())
      if (task.kind === KIND && task.state === 'running')
        post(`${projectPath(project)}/tasks/${encodeURIComponent(task.id)}/cancel`).catch(() => undefined) // is over
  }

  /** Look at the network of `values`, or at the design, after a while; returns what ends that. */
  lookLater(project: Project, values: NewRunValues): () => void {
    const number = ++this.#asked
    const named = values.yaml === null ? undefined : { ...NOTHING, yaml: values.yaml }
    const source = named ?? this.design
    if (!source) {
      Object.assign(this, { choices: [], checked: undefined, wrong: '' })
      return () => undefined
    }
    const pretrained = source.start_from === undefined ? values.pretrained : source.start_from !== 'scratch'
    const images = Math.max(1, labelledImages(project))
    const classes = Math.max(2, project.classes.length)
    const epochs = values.epochs === null ? {} : { epochs: values.epochs }
    const recipe: Record<string, unknown> = { ...source.recipe, ...values.recipe, ...epochs }
    const look = async (): Promise<void> => {
      const size = { yaml: source.yaml, classes, images }
      let choices: Choice[] = []
      let wrong = ''
      try {
        choices = await post<Choice[]>('/network/choices', { ...size, recipe, pretrained })
      } catch (error) {
        wrong = reasonOf(error)
      }
      const batch = recipe['batch_size'] ?? choices.find((choice) => choice.key === 'batch_size')?.value
      const checked = await post<Checked>('/network/check', {
        ...size,
        project: project.id,
        ...(typeof batch === 'number' ? { batch_size: batch } : {}),
      }).catch(() => undefined)
      if (number !== this.#asked) return
      const stated = Object.entries(source.recipe)
        .filter(([key]) => !(key in values.recipe))
        .map(([key, value]) => ({ key, value, reason: source.recipe_reasons[key] ?? '' }))
      Object.assign(this, { choices: wrong ? this.choices : [...stated, ...choices], checked, wrong })
    }
    const timer = setTimeout(() => void look(), CHOOSE_MS)
    return () => clearTimeout(timer)
  }
}
