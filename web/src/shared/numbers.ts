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
