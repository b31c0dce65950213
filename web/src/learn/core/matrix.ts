// Matrix products over Float32Array, row by row, unrolled so that the inner loops are long and plain.

/** c (m x n) = a (m x k) · b (k x n). */
export function multiply(a: Float32Array, b: Float32Array, c: Float32Array, m: number, k: number, n: number): void {
  addScaledRows(a, b, c, m, k, n, k, 1)
}

/** c (k x n) = aᵀ · b for a (m x k) and b (m x n). */
export function multiplyTransposedFirst(
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
  m: number,
  k: number,
  n: number,
): void {
  addScaledRows(a, b, c, k, m, n, 1, k)
}

/** Row i of c becomes the sum over p of a[i · down + p · across] times row p of b, four rows at a time. */
function addScaledRows(
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
  rows: number,
  terms: number,
  n: number,
  down: number,
  across: number,
): void {
  c.fill(0, 0, rows * n)
  for (let i = 0; i < rows; i++) {
    const to = c.subarray(i * n, (i + 1) * n)
    let p = 0
    for (; p + 3 < terms; p += 4) {
      const at = i * down + p * across
      const s0 = a[at]!
      const s1 = a[at + across]!
      const s2 = a[at + 2 * across]!
      const s3 = a[at + 3 * across]!
      const b0 = p * n
      const b1 = b0 + n
      const b2 = b1 + n
      const b3 = b2 + n
      for (let j = 0; j < n; j++) {
        to[j] = to[j]! + s0 * b[b0 + j]! + s1 * b[b1 + j]! + s2 * b[b2 + j]! + s3 * b[b3 + j]!
      }
    }
    for (; p < terms; p++) {
      const s = a[i * down + p * across]!
      for (let j = 0; j < n; j++) to[j] = to[j]! + s * b[p * n + j]!
    }
  }
}

/** c (m x k) = a · bᵀ for a (m x n) and b (k x n). */
export function multiplyTransposedSecond(
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
  m: number,
  n: number,
  k: number,
): void {
  for (let i = 0; i < m; i++) {
    const from = i * n
    let p = 0
    for (; p + 3 < k; p += 4) {
      const b0 = p * n
      const b1 = b0 + n
      const b2 = b1 + n
      const b3 = b2 + n
      let s0 = 0
      let s1 = 0
      let s2 = 0
      let s3 = 0
      for (let j = 0; j < n; j++) {
        const v = a[from + j]!
        s0 += v * b[b0 + j]!
        s1 += v * b[b1 + j]!
        s2 += v * b[b2 + j]!
        s3 += v * b[b3 + j]!
      }
      c[i * k + p] = s0
      c[i * k + p + 1] = s1
      c[i * k + p + 2] = s2
      c[i * k + p + 3] = s3
    }
    for (; p < k; p++) {
      let sum = 0
      for (let j = 0; j < n; j++) sum += a[from + j]! * b[p * n + j]!
      c[i * k + p] = sum
    }
  }
}
