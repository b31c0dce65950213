// The values of the network routes.

export interface JsonSchema {
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: JsonSchema[]
  properties?: Record<string, JsonSchema>
  items?: JsonSchema
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  default?: unknown
  description?: string
}

export interface FieldForm {
  name: string
  required: boolean
  default: unknown
  schema: JsonSchema
}

export interface LayerForm {
  kind: string
  shorthand: string | null
  nested: 'layers' | 'branches' | null
  fields: FieldForm[]
}

export interface RecipeKey {
  key: string
  default: unknown
  schema: JsonSchema
  allowed: string
}

export interface EditorSchema {
  schema: JsonSchema
  layers: LayerForm[]
  recipe: RecipeKey[]
}

export interface CheckedLayer {
  number: string
  name: string
  kind: string
  text: string
  output: number[]
  weights: number
  biases: number
  multiply_adds: number
  receptive_field: [number, number]
  saving: number | null
}

export interface Problem {
  severity: 'error' | 'warning'
  line: number
  layers: string[]
  message: string
}

export interface NetworkData {
  input?: Record<string, unknown>
  preprocess?: Record<string, unknown>
  layers?: unknown[]
}

export interface Checked {
  yaml: string
  data: NetworkData | null
  problems: Problem[]
  layers: CheckedLayer[]
  total: {
    weights: number
    biases: number
    multiply_adds: number
    activation_bytes: number
    receptive_field: [number, number]
  } | null
  forecast: { seconds_per_epoch: number | null; batch_size: number; memory_bytes: number } | null
}

export interface KnownNetwork {
  name: string
  kind: 'preset' | 'pretrained'
  input: [number, number, number]
  weights: number
  multiply_adds: number
}

export interface Design {
  yaml: string
  recipe: Record<string, unknown>
  recipe_reasons: Record<string, string>
  reasons: string[]
  start_from: string
}

export interface Draft {
  yaml: string | null
  start_from: string
  reasons: string[]
}
