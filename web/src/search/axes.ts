// Axes of the drawings: where a value lies from 0 (bottom or left) to 1, and which values are named.

import type { Key, Scalar, Trial } from './types'

export type Tick = { at: number; text: string }
export type Axis = { at: (value: Scalar) => number; ticks: Tick[] }

/** The axis of a searched key: a range as it was searched, else its values at equal distances. */
export function keyAxis(key: Key, trials: Trial[], text: (value: Scalar) => string): Axis {
  if (key.low !== null && key.high !== null) return rangeAxis(key.low, key.high, key.log, text)
  const values = [...new Set(trials.map((trial) => trial.params[key.name]).filter((value) => value !== undefined))]
  if (values.every((value) => typeof value === 'number')) values.sort((a, b) => Number(a) - Number(b))
  const place = new Map(values.map((value, index) => [value, values.length > 1 ? index / (values.length - 1) : 0.5]))
  const at = (value: Scalar) => place.get(value) ?? 0.5
  return { at, ticks: values.map((value) => ({ at: at(value), text: text(value) })) }
}

function rangeAxis(low: number, high: number, log: boolean, text: (value: number) => string): Axis {
  const scale = log ? Math.log : (value: number) => value
  const at = (value: Scalar) => (scale(Number(value)) - scale(low)) / (scale(high) - scale(low))
  const middle = log ? Math.sqrt(low * high) : (low + high) / 2
  const rounded = Number(middle.toPrecision(2))
  return { at, ticks: [low, rounded, high].map((value) => ({ at: at(value), text: text(value) })) }
}

/**
 * The axis of accuracies up to the largest, with round ticks. Where a few lie far below the others it ends below
 * most of them: those few lie on its lower end, whose tick says so.
 */
export function accuracyAxis(values: number[], text: (value: number) => string): Axis {
  const sorted = [...values].sort((a, b) => a - b)
  const high = sorted.at(-1)!
  const low = Math.max(sorted[0]!, high - 3 * (high - sorted[Math.floor(sorted.length / 2)]!))
  const axis = numberAxis(low, high, text)
  if (low === sorted[0]) return axis
  const ticks = axis.ticks.filter((tick) => tick.at > 0.08)
  return { at: (value) => Math.max(0, axis.at(value)), ticks: [{ at: 0, text: `≤ ${text(low)}` }, ...ticks] }
}

/** The axis from low to high with round ticks. */
export function numberAxis(low: number, high: number, text: (value: number) => string): Axis {
  const from = high > low ? low : low - 0.5
  const span = high > low ? high - low : 1
  const at = (value: Scalar) => (Number(value) - from) / span
  const step = roundStep(span / 5)
  const ticks: Tick[] = []
  for (let k = Math.ceil(from / step - 1e-9); k * step <= from + span * (1 + 1e-9); k++)
    ticks.push({ at: at(k * step), text: text(k * step) })
  return { at, ticks }
}

function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step))
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= step * 0.999)!
}
