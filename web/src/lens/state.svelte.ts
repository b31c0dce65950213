// The one state of the page: what is looked at, and where the arithmetic stands.
import { pageData } from '../shared/data'
import type { Layer, LensData } from './types'
import { setImage, sizeOf } from './pack'

export const data = pageData<LensData>()
export const layers: readonly Layer[] = data.layers
setImage(layers[0]!)

export const lens = $state({
  layer: data.open,
  map: layers[data.open]?.maps[0] ?? 0,
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

/** Look at a layer; keeps the map where that layer has it. */
export function open(layer: number, map?: number): void {
  const next = layers[layer]!
  const [height, width] = sizeOf(next)
  const before = current()
  const [oldHeight, oldWidth] = sizeOf(before)
  lens.layer = layer
  const asked = next.kind === 'output' ? Math.min(data.target, next.shape[0]! - 1) : lens.map
  lens.map = map ?? (next.maps.includes(asked) ? asked : (next.maps[0] ?? 0))
  lens.row = Math.min(height - 1, Math.floor(((lens.row + 0.5) * height) / oldHeight))
  lens.column = Math.min(width - 1, Math.floor(((lens.column + 0.5) * width) / oldWidth))
  restart()
}

/** Look at another map of the same layer. */
export function choose(map: number): void {
  lens.map = map
  restart()
}

/** Move to an output pixel of the layer; stays inside. */
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
  const [height, width] = layers[data.open] ? sizeOf(layers[data.open]!) : [1, 1]
  lens.row = Math.floor(height / 2)
  lens.column = Math.floor(width / 2)
}
