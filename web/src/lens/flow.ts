// Arranges the flat list of layers as it is nested: a row of layers and blocks, blocks of rows.
import type { Layer } from './types'

export type Item = { layer: Layer } | { block: Layer; rows: { branch: number; items: Item[] }[] }

/** Blocks come where their joining layer (residual, concat) stands; their layers stand inside. */
export function flow(layers: readonly Layer[], parent: number | null = null, branch = 0): Item[] {
  const items: Item[] = []
  for (const layer of layers) {
    if (layer.parent !== parent || (parent !== null && layer.branch !== branch)) continue
    const inner = layers.filter((other) => other.parent === layer.id)
    if (inner.length) {
      const wide = layer.kind === 'residual' ? 2 : Math.max(...inner.map((other) => other.branch)) + 1
      const rows = Array.from({ length: wide }, (_, b) => ({ branch: b, items: flow(layers, layer.id, b) }))
      items.push({ block: layer, rows })
    }
    items.push({ layer })
  }
  return items
}
