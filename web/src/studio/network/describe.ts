// What a layer of the form does, as the lens says it, with the values that the layer has here.
import type { Values } from '../../shared/i18n.svelte'
import type { Row } from './nodes'
import type { CheckedLayer, LayerForm } from './types'

/** Of the checked network: input [height, width, channels], rows in order, layers by number. */
export interface CheckedNetwork {
  input: number[]
  rows: readonly Row[]
  layers: Readonly<Record<string, CheckedLayer>>
}

const pair = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value, value])

/** What a layer receives: the output of the layer before it, or what the layer around it receives. */
function inputOf(row: Row, network: CheckedNetwork): number[] | undefined {
  const parts = row.number.split('.')
  if (row.index > 0) return network.layers[[...parts.slice(0, -1), row.index].join('.')]?.output
  const around = parts.slice(0, row.branch === null ? -1 : -2).join('.')
  if (!around) return network.input
  const outer = network.rows.find((each) => each.number === around)
  return outer && inputOf(outer, network)
}

/** The values of a layer's description; undefined while the network is too wrong to have shapes. */
export function valuesOf(row: Row, form: LayerForm, network: CheckedNetwork): Values | undefined {
  const output = network.layers[row.number]?.output
  const input = inputOf(row, network)
  if (!output || !input) return undefined
  const defaults = Object.fromEntries(form.fields.map((field) => [field.name, field.default]))
  const of = (name: string): unknown => row.node.params[name] ?? defaults[name]
  const window = pair(of('kernel') ?? of('size'))
  const step = pair(of('stride') ?? of('size'))
  const groups = of('groups') === 'depthwise' ? input.at(-1)! : Number(of('groups') ?? 1)
  const values = {
    o: output.at(-1),
    i: input.at(-1)! / groups,
    n: input.reduce((a, b) => a * b, 1),
    kh: window[0],
    kw: window[1],
    sh: step[0],
    sw: step[1],
    rate: of('rate'),
    slope: of('slope'),
    alpha: of('alpha'),
    f: of('function'),
  }
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value ?? '')]))
}
