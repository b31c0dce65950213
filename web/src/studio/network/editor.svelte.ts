// The network that is edited: its YAML and its form are both live, the server checks while typing.
import { RequestError, get, post, projectPath } from '../api'
import { labelledImages } from '../project'
import { sentence, tell } from '../state.svelte'
import type { Project } from '../types'
import { type Forms, type Node, type Row, changed, newNode, parseLayers, rowsOf, writeLayers } from './nodes'
import type { Checked, Design, Draft, EditorSchema, KnownNetwork, NetworkData } from './types'

const CHECK_MS = 180
const SAVE_MS = 700
const MAX_UNDO = 200

let schemaPromise: Promise<EditorSchema> | undefined

/** The forms of all layers and the recipe's keys; asked once. */
export function editorSchema(): Promise<EditorSchema> {
  schemaPromise ??= get<EditorSchema>('/network/schema').catch((error: unknown) => {
    schemaPromise = undefined
    throw error
  })
  return schemaPromise
}

type Source = { yaml: string } | { data: NetworkData }

let saving: Promise<void> = Promise.resolve()

/** Until what was typed last into an editor is kept. */
export const draftSaved = (): Promise<void> => saving

export class NetworkEditor {
  yaml = $state('')
  nodes = $state.raw<Node[]>([])
  data = $state.raw<NetworkData>({})
  checked = $state.raw<Checked>()
  schema = $state.raw<EditorSchema>()
  known = $state.raw<KnownNetwork[]>([])
  reasons = $state.raw<string[]>([])
  startFrom = $state('auto')
  selected = $state('')
  loaded = $state(false)
  designing = $state(false)
  #forms = $state.raw<Forms>({})
  #project: Project
  #checks = 0
  /** What was edited last, until its check is answered. */
  #unchecked: Source | undefined
  #checking: Promise<void> = Promise.resolve()
  #checkTimer: ReturnType<typeof setTimeout> | undefined
  #saveTimer: ReturnType<typeof setTimeout> | undefined
  #undo = $state.raw<string[]>([])
  #redo = $state.raw<string[]>([])

  constructor(project: Project) {
    this.#project = project
  }

  get forms(): Forms {
    return this.#forms
  }
  get canUndo(): boolean {
    return this.#undo.length > 0
  }
  get canRedo(): boolean {
    return this.#redo.length > 0
  }
  readonly rows = $derived<Row[]>(rowsOf(this.nodes))
  readonly current = $derived(this.rows.find((row) => row.number === this.selected))
  readonly errors = $derived(this.checked?.problems.filter((one) => one.severity === 'error') ?? [])
  readonly layers = $derived(Object.fromEntries((this.checked?.layers ?? []).map((layer) => [layer.number, layer])))
  /** [height, width, channels] */
  readonly input = $derived(
    ['height', 'width', 'channels'].map((name) => Number(this.data.input?.[name] ?? (name === 'channels' ? 3 : 32))),
  )

  async load(): Promise<void> {
    try {
      const [schema, draft, known] = await Promise.all([
        editorSchema(),
        get<Draft>(`${projectPath(this.#project.id)}/network`),
        get<KnownNetwork[]>(`/network/presets?classes=${Math.max(2, this.#project.classes.length)}`),
      ])
      this.schema = schema
      this.#forms = Object.fromEntries(schema.layers.map((form) => [form.kind, form]))
      this.known = known
      this.reasons = draft.reasons
      this.startFrom = draft.start_from
      if (draft.yaml !== null) {
        this.yaml = draft.yaml
        await this.#check({ yaml: draft.yaml })
      }
      this.loaded = true
    } catch (error) {
      tell(sentence(error), 'error')
    }
  }

  /** The project has other images or classes now. */
  follow(project: Project): void {
    const before = this.#project
    const differs =
      project.classes.length !== before.classes.length || labelledImages(project) !== labelledImages(before)
    this.#project = project
    if (differs && this.yaml) this.#later(this.#unchecked ?? { yaml: this.yaml })
  }

  /** The person typed into the YAML view. */
  type(text: string): void {
    if (text === this.yaml) return // text that is pasted comes in several events
    this.#remember()
    this.yaml = text
    this.reasons = []
    this.#later({ yaml: text })
  }

  /** Take a whole network, such as a preset or a design. */
  async take(yaml: string, startFrom: string, reasons: string[] = []): Promise<void> {
    this.#forget()
    this.#remember()
    this.yaml = yaml
    this.startFrom = startFrom
    this.reasons = reasons
    this.selected = ''
    await this.#check({ yaml })
    this.#save()
  }

  async takeKnown(known: KnownNetwork): Promise<void> {
    const input = this.data.input as { height?: number; width?: number; channels?: number } | undefined
    const size =
      known.kind === 'preset' && input?.height && input.width && input.channels
        ? `?size=${input.height}x${input.width}x${input.channels}`
        : ''
    try {
      const { yaml } = await get<{ yaml: string }>(`/network/presets/${encodeURIComponent(known.name)}${size}`)
      await this.take(yaml, known.kind === 'pretrained' ? known.name : 'scratch')
    } catch (error) {
      tell(sentence(error), 'error')
    }
  }

  async design(minutes: number | null, startFrom: string): Promise<void> {
    this.designing = true
    try {
      const found = await post<Design>(`${projectPath(this.#project.id)}/design`, { minutes, start_from: startFrom })
      await this.take(found.yaml, found.start_from, found.reasons)
    } catch (error) {
      tell(sentence(error), 'error')
    } finally {
      this.designing = false
    }
  }

  /** Whether the form still shows what was there before the YAML, whose check is not answered yet. */
  #isBehind(): boolean {
    return this.#unchecked !== undefined && 'yaml' in this.#unchecked
  }

  /** The form changed the layers or the input. */
  #edited(): void {
    this.data = { ...this.data, layers: writeLayers(this.nodes, this.#forms) }
    this.nodes = [...this.nodes]
    this.reasons = []
    this.#later({ data: this.data })
  }

  setParam(node: Node, name: string, value: unknown): void {
    if (this.#isBehind()) return
    this.#remember()
    node.params = changed(node.params, name, value)
    this.#edited()
  }

  setSection(section: 'input' | 'preprocess', name: string, value: unknown): void {
    if (this.#isBehind()) return
    this.#remember()
    const values = changed(this.data[section] ?? {}, name, value)
    this.data = changed({ ...this.data }, section, Object.keys(values).length ? values : undefined)
    this.#edited()
  }

  /** Add a layer behind the selected one; without one before the output. */
  add(kind: string): void {
    if (this.#isBehind()) return
    this.#remember()
    const node = newNode(kind, this.#forms)
    const row = this.current
    const end = Math.max(0, this.nodes.length - (this.nodes.at(-1)?.kind === 'output' ? 1 : 0))
    const list = row?.list ?? this.nodes
    const at = row ? (row.node.kind === 'output' ? row.index : row.index + 1) : end
    list.splice(at, 0, node)
    this.#edited()
    this.select(node)
  }

  remove(row: Row): void {
    if (this.#isBehind()) return
    this.#remember()
    row.list.splice(row.index, 1)
    const next = row.list[Math.min(row.index, row.list.length - 1)]
    this.#edited()
    if (next) this.select(next)
    else this.selected = ''
  }

  duplicate(row: Row): void {
    if (this.#isBehind()) return
    this.#remember()
    const [copy] = parseLayers(writeLayers([row.node], this.#forms), this.#forms)
    row.list.splice(row.index + 1, 0, copy!)
    this.#edited()
    this.select(copy!)
  }

  /** Move a layer within its list. */
  move(row: Row, to: number): void {
    if (to < 0 || to >= row.list.length || to === row.index || this.#isBehind()) return
    this.#remember()
    row.list.splice(row.index, 1)
    row.list.splice(to, 0, row.node)
    this.#edited()
    this.select(row.node)
  }

  select(node: Node): void {
    this.selected = rowsOf(this.nodes).find((row) => row.node === node)?.number ?? ''
  }

  undo(): void {
    const before = this.#undo.at(-1)
    if (before === undefined) return
    this.#undo = this.#undo.slice(0, -1)
    this.#redo = [...this.#redo, this.yaml]
    this.#show(before)
  }

  redo(): void {
    const after = this.#redo.at(-1)
    if (after === undefined) return
    this.#redo = this.#redo.slice(0, -1)
    this.#undo = [...this.#undo, this.yaml]
    this.#show(after)
  }

  #show(yaml: string): void {
    this.#forget()
    this.yaml = yaml
    this.reasons = []
    this.#unchecked = { yaml }
    void this.#check({ yaml })
    this.#save()
  }

  #remember(): void {
    if (this.yaml === '' || this.#undo.at(-1) === this.yaml) return
    this.#undo = [...this.#undo.slice(1 - MAX_UNDO), this.yaml]
    this.#redo = []
  }

  #later(source: Source): void {
    this.#forget()
    this.#unchecked = source
    this.#checkTimer = setTimeout(() => void this.#checkNow(), CHECK_MS)
  }

  #forget(): void {
    clearTimeout(this.#checkTimer)
    this.#unchecked = undefined
    this.#checks += 1 // an answer on its way is of what was there before
  }

  async #checkNow(): Promise<void> {
    const source = this.#unchecked
    if (!source) return
    clearTimeout(this.#checkTimer)
    this.#checking = this.#check(source)
    await this.#checking
    this.#save()
  }

  async #check(source: Source): Promise<void> {
    const number = ++this.#checks
    try {
      const found = await post<Checked>('/network/check', {
        ...source,
        classes: Math.max(2, this.#project.classes.length),
        images: Math.max(1, labelledImages(this.#project)),
        project: this.#project.id,
      })
      if (number !== this.#checks) return
      this.#unchecked = undefined
      this.checked = found
      if ('data' in source) this.yaml = found.yaml
      else if (found.data) {
        this.data = found.data
        this.nodes = parseLayers(found.data.layers, this.#forms)
        if (!this.rows.some((row) => row.number === this.selected) && this.selected !== 'input') this.selected = ''
      }
    } catch (error) {
      if (number === this.#checks) this.#unchecked = undefined
      if (error instanceof RequestError && error.status === 0) return
      tell(sentence(error), 'error')
    }
  }

  #save(): void {
    clearTimeout(this.#saveTimer)
    this.#saveTimer = setTimeout(() => void this.saveNow(), SAVE_MS)
  }

  /** Keep the network with the project, as it is now. */
  saveNow(): Promise<void> {
    saving = this.#keep()
    return saving
  }

  async #keep(): Promise<void> {
    await this.#checking // the YAML of what a form changed comes with its answer
    await this.#checkNow()
    clearTimeout(this.#saveTimer)
    if (!this.loaded) return
    const draft: Draft = { yaml: this.yaml, start_from: this.startFrom, reasons: this.reasons }
    try {
      await post(`${projectPath(this.#project.id)}/network`, draft)
    } catch (error) {
      tell(sentence(error), 'error')
    }
  }
}
