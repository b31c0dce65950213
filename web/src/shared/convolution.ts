// Convolution, padding, pooling and activations in the browser, as foveal/convolution.py.

export type PaddingMode = 'constant' | 'reflect' | 'replicate' | 'circular'
export type Pair = [number, number]
export type Four = [number, number, number, number]

export interface Grid {
  height: number
  width: number
  values: Float64Array | Float32Array
}

export interface WindowSettings {
  stride: Pair
  padding: Four
  mode: PaddingMode
  value: number
  dilation: Pair
  flip: boolean
}

export const plain: WindowSettings = {
  stride: [1, 1],
  padding: [0, 0, 0, 0],
  mode: 'constant',
  value: 0,
  dilation: [1, 1],
  flip: false,
}

/** Cells of the output along one axis; 0 or less where the output would be empty. */
export function outputSide(
  n: number,
  kernel: number,
  stride: number,
  before: number,
  after: number,
  dilation = 1,
): number {
  return Math.floor((n + before + after - dilation * (kernel - 1) - 1) / stride) + 1
}

/** The padding that gives ceil(n / stride); the odd cell is at the bottom and right. */
export function samePadding(size: Pair, kernel: Pair, stride: Pair): Four {
  const sides = [0, 1].flatMap((axis) => {
    const n = size[axis]!
    const total = Math.max((Math.ceil(n / stride[axis]!) - 1) * stride[axis]! + kernel[axis]! - n, 0)
    return [Math.floor(total / 2), total - Math.floor(total / 2)]
  })
  return sides as Four
}

/** The source index of a padded position on one axis; null is padding that holds a value. */
export function sourceIndex(at: number, n: number, mode: PaddingMode): number | null {
  if (at >= 0 && at < n) return at
  if (mode === 'replicate') return Math.min(Math.max(at, 0), n - 1)
  if (mode === 'circular') return ((at % n) + n) % n
  if (mode === 'reflect') {
    const period = 2 * (n - 1)
    if (period === 0) return 0
    const turned = ((at % period) + period) % period
    return turned < n ? turned : period - turned
  }
  return null
}

export interface WindowValues {
  values: number[] // the window, row by row
  padded: boolean[] // which of its cells are padding
}

/** The input window of the output cell (row, column). */
export function windowAt(
  grid: Grid,
  kernel: Pair,
  settings: WindowSettings,
  row: number,
  column: number,
): WindowValues {
  const values: number[] = []
  const padded: boolean[] = []
  for (let y = 0; y < kernel[0]; y++) {
    for (let x = 0; x < kernel[1]; x++) {
      const at = row * settings.stride[0] - settings.padding[0] + y * settings.dilation[0]
      const to = column * settings.stride[1] - settings.padding[2] + x * settings.dilation[1]
      const inside = at >= 0 && at < grid.height && to >= 0 && to < grid.width
      const r = sourceIndex(at, grid.height, settings.mode)
      const c = sourceIndex(to, grid.width, settings.mode)
      values.push(r === null || c === null ? settings.value : grid.values[r * grid.width + c]!)
      padded.push(!inside)
    }
  }
  return { values, padded }
}

/** The kernel as it is applied: rotated by 180 degrees where `flip`. */
export function orientKernel(kernel: ArrayLike<number>, flip: boolean): number[] {
  const list = Array.from(kernel)
  return flip ? list.reverse() : list
}

/** The feature map of a kernel; null where the output would be empty. */
export function convolve(grid: Grid, kernel: number[], shape: Pair, settings: WindowSettings): Grid | null {
  const [t, b, l, r] = settings.padding
  const height = outputSide(grid.height, shape[0], settings.stride[0], t, b, settings.dilation[0])
  const width = outputSide(grid.width, shape[1], settings.stride[1], l, r, settings.dilation[1])
  if (height < 1 || width < 1) return null
  const weights = orientKernel(kernel, settings.flip)
  const padded = padGrid(grid, settings)
  const values = new Float64Array(height * width)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let sum = 0
      for (let y = 0; y < shape[0]; y++) {
        const line = (row * settings.stride[0] + y * settings.dilation[0]) * padded.width
        for (let x = 0; x < shape[1]; x++) {
          sum +=
            padded.values[line + column * settings.stride[1] + x * settings.dilation[1]]! * weights[y * shape[1] + x]!
        }
      }
      values[row * width + column] = sum
    }
  }
  return { height, width, values }
}

/** The grid with its padding around it. */
export function padGrid(grid: Grid, settings: WindowSettings): Grid {
  const [t, b, l, r] = settings.padding
  const height = grid.height + t + b
  const width = grid.width + l + r
  const values = new Float64Array(height * width)
  for (let y = 0; y < height; y++) {
    const row = sourceIndex(y - t, grid.height, settings.mode)
    for (let x = 0; x < width; x++) {
      const column = sourceIndex(x - l, grid.width, settings.mode)
      values[y * width + x] = row === null || column === null ? settings.value : grid.values[row * grid.width + column]!
    }
  }
  return { height, width, values }
}

export function pool(grid: Grid, kind: 'max' | 'avg', size: number): Grid | null {
  const height = outputSide(grid.height, size, size, 0, 0)
  const width = outputSide(grid.width, size, size, 0, 0)
  if (height < 1 || width < 1) return null
  const settings: WindowSettings = { ...plain, stride: [size, size] }
  const values = new Float64Array(height * width)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const seen = windowAt(grid, [size, size], settings, row, column).values
      values[row * width + column] = kind === 'max' ? Math.max(...seen) : seen.reduce((a, b) => a + b, 0) / seen.length
    }
  }
  return { height, width, values }
}

/** The error function to double precision (series below 2.5, continued fraction above). */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (a > 6) return Math.sign(x)
  if (a < 2.5) {
    let term = a
    let sum = a
    for (let n = 1; n < 80; n++) {
      term *= (-a * a) / n
      sum += term / (2 * n + 1)
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum
  }
  let tail = 0
  for (let n = 60; n > 0; n--) tail = n / 2 / (a + tail)
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + tail))
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

export const activations = [
  'none',
  'relu',
  'relu6',
  'leaky_relu',
  'elu',
  'gelu',
  'silu',
  'tanh',
  'sigmoid',
  'hard_sigmoid',
  'hard_swish',
] as const
export type Activation = (typeof activations)[number]

export function activate(kind: string, x: number, settings: { slope?: number; alpha?: number } = {}): number {
  if (kind === 'relu') return Math.max(x, 0)
  if (kind === 'relu6') return Math.min(Math.max(x, 0), 6)
  if (kind === 'leaky_relu') return x > 0 ? x : (settings.slope ?? 0.01) * x
  if (kind === 'elu') return x > 0 ? x : (settings.alpha ?? 1) * Math.expm1(x)
  if (kind === 'gelu') return 0.5 * x * (1 + erf(x / Math.SQRT2))
  if (kind === 'silu') return x * sigmoid(x)
  if (kind === 'tanh') return Math.tanh(x)
  if (kind === 'sigmoid') return sigmoid(x)
  if (kind === 'hard_sigmoid') return Math.min(Math.max(x + 3, 0), 6) / 6
  if (kind === 'hard_swish') return (x * Math.min(Math.max(x + 3, 0), 6)) / 6
  return x
}

export const kernelNames = ['identity', 'blur', 'sharpen', 'sobel-x', 'sobel-y', 'laplacian', 'gabor'] as const
export type KernelName = (typeof kernelNames)[number]

function cross(size: number): number[] {
  const middle = (size - 1) / 2
  return Array.from({ length: size * size }, (_, i) => {
    const y = Math.floor(i / size)
    const x = i % size
    if (y === middle && x === middle) return 2 * (size - 1)
    return y === middle || x === middle ? -1 : 0
  })
}

function choose(n: number, k: number): number {
  let out = 1
  for (let i = 1; i <= k; i++) out = (out * (n - k + i)) / i
  return k < 0 || k > n ? 0 : Math.round(out)
}

function sobel(size: number, across: boolean): number[] {
  const smooth = Array.from({ length: size }, (_, k) => choose(size - 1, k))
  const slope = Array.from({ length: size }, (_, k) => choose(size - 3, k - 2) - choose(size - 3, k))
  return Array.from({ length: size * size }, (_, i) => {
    const y = Math.floor(i / size)
    const x = i % size
    return across ? smooth[y]! * slope[x]! : slope[y]! * smooth[x]!
  })
}

function gabor(size: number): number[] {
  const middle = (size - 1) / 2
  const bell = (d: number) => Math.exp(-(d * d) / (2 * (size / 4) ** 2))
  const raw = Array.from({ length: size * size }, (_, i) => {
    const y = Math.floor(i / size) - middle
    const x = (i % size) - middle
    return bell(y) * bell(x) * Math.cos((2 * Math.PI * x) / size)
  })
  const mean = raw.reduce((a, b) => a + b, 0) / raw.length
  return raw.map((v) => v - mean)
}

/** The numbers of a named filter, row by row; `size` is odd. */
export function namedKernel(name: KernelName, size: number): number[] {
  if (size === 1) return [1]
  const middle = (size * size - 1) / 2
  const spot = Array.from({ length: size * size }, (_, i) => (i === middle ? 1 : 0))
  if (name === 'identity') return spot
  if (name === 'blur') return spot.map(() => 1 / (size * size))
  if (name === 'sharpen') return cross(size).map((v, i) => v + spot[i]!)
  if (name === 'laplacian') return cross(size).map((v) => -v || 0)
  if (name === 'gabor') return gabor(size)
  return sobel(size, name === 'sobel-x')
}
