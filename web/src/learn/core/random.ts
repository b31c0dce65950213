// Random numbers that are the same for the same seed (mulberry32), and what is drawn from them.

export type Random = () => number

/** Uniform numbers in [0, 1). */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** 0 .. n - 1 in a random order. */
export function shuffled(n: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}

/** Uniform in ±sqrt(6 / inputs): He's initialisation, the variance 2 / inputs (He et al., 2015). */
export function heUniform(size: number, inputs: number, random: Random): Float32Array {
  const bound = Math.sqrt(6 / inputs)
  return Float32Array.from({ length: size }, () => (2 * random() - 1) * bound)
}
