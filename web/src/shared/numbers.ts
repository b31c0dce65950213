// Numbers as text, in one form everywhere.

/** 0.98413 as "98.41 %". */
export function percent(value: number, digits = 2): string {
  return `${(100 * value).toFixed(digits)} %`
}

/** A plain number with a fixed number of digits after the point. */
export function number(value: number, digits = 4): string {
  return value.toFixed(digits)
}

/** A whole number with thin separators. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** A large count in thousands, millions or billions with three digits. */
export function short(value: number): string {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`
  }
  return String(value)
}

/** A number with at most so many significant digits, without zeros at its end. */
export function significant(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)))
}

/** A difference of shares in percentage points, with its sign. */
export function points(difference: number, digits = 2): string {
  const text = (100 * difference).toFixed(digits)
  return difference > 0 ? `+${text}` : text.replace('-', '−')
}

/** Bytes as "< 1 MB", "3.4 MB", "240 MB" or "1.2 GB"; of a file below 1 MB as "240 kB". */
export function bytes(value: number, file = false): string {
  if (value < 1e6) return file ? `${Math.max(1, Math.round(value / 1e3))} kB` : '< 1 MB'
  const [size, unit] = value < 999.5e6 ? [1e6, 'MB'] : [1e9, 'GB']
  const scaled = value / size
  return `${scaled < 9.95 ? scaled.toFixed(1) : count(scaled)} ${unit}`
}

/** A short duration by the words for it: under a millisecond, milliseconds, seconds; undefined from 10 s on. */
export function shortDuration(
  seconds: number,
): { unit: 'instant' | 'milliseconds' | 'seconds'; n: string } | undefined {
  if (seconds < 0.001) return { unit: 'instant', n: '1' }
  if (seconds < 0.995) return { unit: 'milliseconds', n: String(Number((1000 * seconds).toPrecision(2))) }
  return seconds < 9.95 ? { unit: 'seconds', n: significant(seconds, 2) } : undefined
}
