// The data of the lens page, as foveal/explanation/lens/data.py writes it.

/** A packed array: base64 of little-endian numbers. */
export type Packed = string

export interface Filters {
  seen: number[] // input maps whose windows are on the page
  weights: Packed // maps x seen x kernel height x kernel width
  bias: Packed | null
  rest: Packed | null // maps x height x width: what the other input maps add
}

export interface Units {
  count: number // inputs kept a unit
  total: number // inputs there are
  index: Packed // int32, units x count
  weights: Packed
  values: Packed
  rest: Packed
  bias: Packed | null
}

export interface Norm {
  per: 'map' | 'place' | 'group'
  mean: Packed
  variance: Packed
  scale: Packed | null // a sampled map
  shift: Packed | null
  epsilon: number
  groups: number
}

export interface Settings {
  kernel?: [number, number]
  stride?: [number, number]
  padding?: [number, number, number, number]
  mode?: Mode
  value?: number
  dilation?: [number, number]
  groups?: number
  flip?: boolean
  count_padding?: boolean
  slope?: number
  alpha?: number
  rate?: number
  hidden?: number
  mean?: number[]
  std?: number[]
  of?: [branch: number, map: number][] // concat: where each sampled map comes from
  function?: 'softmax' | 'sigmoid'
  activation?: 'softmax' | 'sigmoid'
  mirror?: number[] | null // the output's sums for the mirror image
  peak?: number // largest sum / temperature
  others?: number // what units that are not on the page add to the softmax, over e^peak
}

export type Mode = 'constant' | 'reflect' | 'replicate' | 'circular'

export interface Layer {
  id: number
  name: string
  kind: string
  parent: number | null
  branch: number
  inputs: number[]
  shape: number[]
  receptive_field: [number, number] | null
  weights: number
  multiply_adds: number
  maps: number[]
  values: Packed
  bytes?: boolean // values are 0..255 integers
  range: [number, number]
  share: number[] | null
  shift: number[][] | null
  shift_mean: number[] | null
  settings: Settings
  filters?: Filters
  units?: Units
  norm?: Norm
  gate?: Packed
}

export interface Curves {
  deletion: number[]
  insertion: number[]
}

export interface Verdict {
  trustworthy: boolean
  reason: string
  beaten: number
  orders: number
  likeness: number
  empty: boolean
  curves: Curves
  random: Curves
}

export interface Attribution {
  method: 'cam' | 'integrated_gradients' | 'occlusion'
  layer: string | null
  variant: string | null
  reason: string
  cells: [number, number] | null
  height: number
  width: number
  values: Packed
  verdict: Verdict
}

export interface Excited {
  images: { path: string; png: string }[]
  width: number
  height: number
  scanned: number
  filters: Record<string, Record<string, [image: number, top: number, left: number, height: number, width: number, value: number][]>>
}

export interface LensData {
  label: string
  probability: number
  labels: string[]
  task: 'single' | 'multi'
  top: { label: string; probability: number }[]
  abstained: boolean
  flip_average: boolean
  temperature: number
  target: number
  name: string
  model: { weights: number; multiply_adds: number; layers: number }
  image: { height: number; width: number; channels: number; png: string }
  shifted: { label: string; probability: number }[]
  layers: Layer[]
  open: number
  sampled: { maps: number; of: number } | null
  attributions: Attribution[]
  excite: Excited | null
  excite_missing: 'no_account' | 'gone' | null
}
