// The data of the lens page, as foveal/explanation/lens/data.py writes it.
import type { PaddingMode } from '../shared/convolution'

/** A packed array: base64 of little-endian numbers. */
export type Packed = string

export interface Filters {
  input_maps: number[] // input maps that are on the page
  weights: Packed // maps x input_maps x kernel height x kernel width
  bias: Packed | null
  remainder: Packed | null // maps x height x width: what the other input maps add
}

export interface Units {
  count: number // inputs on the page a unit
  total: number // inputs of a unit
  index: Packed // int32, units x count
  weights: Packed
  values: Packed
  remainder: Packed
  bias: Packed | null
}

export interface Norm {
  per: 'map' | 'position' | 'group'
  mean: Packed
  variance: Packed
  scale: Packed | null // one value a map on the page
  shift: Packed | null
  epsilon: number
  groups: number
}

export interface Hyperparameters {
  kernel?: [number, number]
  stride?: [number, number]
  padding?: [number, number, number, number]
  mode?: PaddingMode
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
  function?: 'softmax' | 'sigmoid'
}

/** How the logits become probabilities. */
export interface Output {
  activation: 'softmax' | 'sigmoid'
  mirrored_logits: number[] | null // of the horizontal flip of the image
  max_scaled_logit: number // largest logit / temperature
  remainder: number // what units that are not on the page add to the softmax, over e^max_scaled_logit
}

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
  maps: number[] // channels (or units) that are on the page
  values: Packed
  uint8?: boolean // values are 0..255 integers
  range: [number, number]
  contributions: number[] | null // per cent, signed
  map_changes: number[][] | null // per cent, a row for each shift
  layer_changes: number[] | null
  hyperparameters: Hyperparameters
  filters?: Filters
  units?: Units
  norm?: Norm
  gate?: Packed
  sources?: [branch: number, map: number][] // concat: where each map on the page comes from
  output?: Output
}

export interface Curves {
  deletion: number[]
  insertion: number[]
}

export interface Faithfulness {
  faithful: boolean
  reason: string
  random_orders_beaten: number
  random_orders: number
  randomised_correlation: number
  constant: boolean
  curves: Curves
  random_curves: Curves
}

export interface Attribution {
  method: 'cam' | 'integrated_gradients' | 'occlusion'
  layer: string | null
  variant: 'grad_cam' | 'hires_cam' | 'layer_cam' | null
  reason: string
  map_size: [number, number] | null
  height: number
  width: number
  values: Packed
  faithfulness: Faithfulness
}

/** A top activation: an image, the receptive field in it and the value. */
export type TopActivation = [image: number, top: number, left: number, height: number, width: number, value: number]

export interface TopImages {
  images: { path: string; uri: string }[]
  width: number
  height: number
  image_count: number
  filters: Record<string, Record<string, TopActivation[]>> // by layer id and map
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
  label_index: number
  image_name: string
  model: { weights: number; multiply_adds: number; layers: number }
  image: { height: number; width: number; channels: number; uri: string }
  shift_predictions: { label: string; probability: number }[]
  layers: Layer[]
  initial_layer: number
  map_sample: { shown: number; total: number } | null
  attributions: Attribution[]
  top_images: TopImages | null
  top_images_missing: 'no_data_file' | 'images_unavailable' | null
}
