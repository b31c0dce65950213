// Sets of image ids as values: each function gives a new set. No DOM.

export type IdSet = ReadonlySet<number>

export const idSet = (ids: Iterable<number>): IdSet => new Set(ids)

export function toggled(ids: IdSet, id: number): IdSet {
  return ids.has(id) ? new Set([...ids].filter((one) => one !== id)) : new Set([...ids, id])
}

/** The ids at the positions from `a` to `b`, both included, in either order. */
export function between(shown: ArrayLike<number>, a: number, b: number): IdSet {
  return new Set(Array.from(shown).slice(Math.min(a, b), Math.max(a, b) + 1))
}

/** Those of `ids` that are shown; the same set where all are. */
export function within(ids: IdSet, shown: ArrayLike<number>): IdSet {
  if (!ids.size) return ids
  const here = new Set(Array.from(shown))
  const kept = [...ids].filter((id) => here.has(id))
  return kept.length === ids.size ? ids : new Set(kept)
}
