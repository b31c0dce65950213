// The layers of a network as the form holds them, and the plain data of its YAML.
import type { LayerForm } from './types'

/** One layer; `raw` is data that is no layer and is kept as it is. */
export interface Node {
  key: number
  kind: string
  params: Record<string, unknown>
  branches: Node[][]
  raw?: unknown
}

/** A layer with its place: number as messages have it, and the list it stands in. */
export interface Row {
  node: Node
  number: string
  depth: number
  list: Node[]
  index: number
  branch: number | null
}

export type Forms = Readonly<Record<string, LayerForm>>

let lastKey = 0

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A copy of an object with one value changed, or without it where that is undefined. */
export function changed(values: Record<string, unknown>, name: string, value: unknown): Record<string, unknown> {
  const others = Object.entries(values).filter(([key]) => key !== name)
  return Object.fromEntries(value === undefined ? others : [...others, [name, value]])
}

/** The layers of plain data in any of their short forms. */
export function parseLayers(data: unknown, forms: Forms): Node[] {
  return Array.isArray(data) ? data.map((item) => parseLayer(item, forms)) : []
}

function parseLayer(item: unknown, forms: Forms): Node {
  const [kind, value] = typeof item === 'string' ? [item, null] : isObject(item) ? (Object.entries(item)[0] ?? []) : []
  const form = kind === undefined ? undefined : forms[kind]
  const one = typeof item === 'string' || (isObject(item) && Object.keys(item).length === 1)
  if (kind === undefined || !form || !one)
    return { key: ++lastKey, kind: kind ?? '', params: {}, branches: [], raw: item }
  const long = isObject(value) ? value : value === null ? {} : form.shorthand ? { [form.shorthand]: value } : null
  if (long === null) return { key: ++lastKey, kind, params: {}, branches: [], raw: item }
  const { nested } = form
  if (!nested) return { key: ++lastKey, kind, params: { ...long }, branches: [] }
  const { [nested]: inner, ...params } = long
  const lists = nested === 'layers' ? [inner] : Array.isArray(inner) ? inner : []
  return { key: ++lastKey, kind, params, branches: lists.map((list) => parseLayers(list, forms)) }
}

/** The shortest plain data that reads back as these layers. */
export function writeLayers(nodes: readonly Node[], forms: Forms): unknown[] {
  return nodes.map((node) => writeLayer(node, forms))
}

function writeLayer(node: Node, forms: Forms): unknown {
  if (node.raw !== undefined) return node.raw
  const { shorthand, nested } = forms[node.kind]!
  const body: Record<string, unknown> = { ...node.params }
  if (nested) {
    const lists = node.branches.map((list) => writeLayers(list, forms))
    body[nested] = nested === 'layers' ? (lists[0] ?? []) : lists
  }
  const names = Object.keys(body)
  if (names.length === 0) return node.kind
  return { [node.kind]: names.length === 1 && names[0] === shorthand ? body[shorthand] : body }
}

/** All layers in the order they are numbered; those inside a layer come after it. */
export function rowsOf(nodes: Node[], parent = '', depth = 0, branch: number | null = null): Row[] {
  return nodes.flatMap((node, index) => {
    const number = parent ? `${parent}.${index + 1}` : String(index + 1)
    const inner = node.branches.flatMap((list, at) =>
      rowsOf(
        list,
        node.branches.length > 1 ? `${number}.${at + 1}` : number,
        depth + 1,
        node.branches.length > 1 ? at : null,
      ),
    )
    return [{ node, number, depth, list: nodes, index, branch }, ...inner]
  })
}

const FIRST_VALUES: Record<string, Record<string, unknown>> = {
  conv: { channels: 32 },
  pad: { padding: 1 },
  max_pool: { size: 2 },
  avg_pool: { size: 2 },
  dense: { units: 128 },
}

/** A new layer with values to begin with; one that holds layers begins with a convolution in each branch. */
export function newNode(kind: string, forms: Forms): Node {
  const nested = forms[kind]?.nested
  const branches =
    nested === 'layers' ? [[newNode('conv', forms)]] : nested ? [0, 1].map(() => [newNode('conv', forms)]) : []
  return { key: ++lastKey, kind, params: { ...FIRST_VALUES[kind] }, branches }
}
