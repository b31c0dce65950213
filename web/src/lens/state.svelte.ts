// The state of the page: the selected layer, map and position, and the step of the computation.
import { pageData } from '../shared/data'
import type { Layer, LensData } from './types'
import { setImage, sizeOf } from './unpack'

export const data = pageData<LensData>()
export const layers: readonly Layer[] = data.layers
setImage(layers[0]!)

export const lens = $state({
  layer: data.initial_layer,
  map: layers[data.initial_layer]?.maps[0] ?? 0,
  row: 0,
  column: 0,
  input: 0, // position among the input maps shown in the pixel view
  term: -1, // products added so far in the current window; -1 shows all
  playing: null as null | 'terms' | 'filter',
  shift: 0,
  scale: 'layer' as 'layer' | 'network',
  hover: null as null | { layer: number; map: number },
  cell: null as null | number, // hovered cell of the window
})

export const current = (): Layer => layers[lens.layer]!

/** Select a layer; keeps the map where that layer has it. */
export function open(layer: number, map?: number): void {
  const next = layers[layer]!
  const [height, width] = sizeOf(next)
  const before = current()
  const [oldHeight, oldWidth] = sizeOf(before)
  lens.layer = layer
  const same = next.kind === 'output' ? Math.min(data.label_index, next.shape[0]! - 1) : lens.map
  lens.map = map ?? (next.maps.includes(same) ? same : (next.maps[0] ?? 0))
  lens.row = Math.min(height - 1, Math.floor(((lens.row + 0.5) * height) / oldHeight))
  lens.column = Math.min(width - 1, Math.floor(((lens.column + 0.5) * width) / oldWidth))
  restart()
}

/** Select another map of the same layer. */
export function choose(map: number): void {
  lens.map = map
  restart()
}

/** Select a position of the output; stays inside. */
export function move(row: number, column: number): void {
  const [height, width] = sizeOf(current())
  lens.row = Math.min(Math.max(row, 0), height - 1)
  lens.column = Math.min(Math.max(column, 0), width - 1)
  lens.term = -1
  lens.cell = null
}

function restart(): void {
  lens.input = 0
  lens.term = -1
  lens.cell = null
  lens.playing = null
}

{
  const [height, width] = layers[data.initial_layer] ? sizeOf(layers[data.initial_layer]!) : [1, 1]
  lens.row = Math.floor(height / 2)
  lens.column = Math.floor(width / 2)
}
