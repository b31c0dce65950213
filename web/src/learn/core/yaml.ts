// The composed network as Foveal's YAML, and the recipe and command that train it the same way.
import type { LayerSpec, Padding } from './spec'
import type { Hyperparameters } from './training'

const paddingText = (padding: Padding): string => (typeof padding === 'string' ? padding : `[${padding.join(', ')}]`)

function line(layer: LayerSpec): string {
  if (layer.kind === 'conv') {
    const { channels, kernel, stride, padding } = layer
    return `conv: {channels: ${channels}, kernel: ${kernel}, stride: ${stride}, padding: ${paddingText(padding)}}`
  }
  if (layer.kind === 'dense') return `dense: ${layer.units}`
  if (layer.kind === 'dropout') return `dropout: ${layer.rate}`
  if (layer.kind === 'max_pool' || layer.kind === 'avg_pool')
    return `${layer.kind}: {size: ${layer.size}, stride: ${layer.stride}}`
  return layer.kind
}

/** The network file of Foveal; `side` is that of the grey input image. */
export function toYaml(layers: readonly LayerSpec[], side: number): string {
  const lines = [...layers.map(line), 'output: softmax'].map((text) => `  - ${text}`)
  return `input: {height: ${side}, width: ${side}, channels: 1}\nlayers:\n${lines.join('\n')}\n`
}

/** The recipe file of Foveal with the same hyperparameters, and nothing that the page does not do. */
export function toRecipe(settings: Hyperparameters): string {
  const optimiser =
    settings.optimiser === 'adam'
      ? ['optimizer: adamw', 'weight_decay: 0']
      : ['optimizer: sgd', `momentum: ${settings.optimiser === 'momentum' ? 0.9 : 0}`, 'weight_decay: 0']
  const lines = [
    `epochs: ${settings.epochs}`,
    `batch_size: ${settings.batchSize}`,
    `learning_rate: ${settings.learningRate}`,
    ...optimiser,
    'schedule: cosine',
    'warmup: 0',
    'label_smoothing: 0',
    'ema_decay: 0',
    "horizontal_flip: 'off'",
    'translate: 0',
    'random_crop: 1',
    'rotation_degrees: 0',
    'color_jitter: 0',
    'progressive_resizing: 1',
    'test_time_augmentation: none',
  ]
  return `${lines.join('\n')}\n`
}

/** The command that trains with both files on a folder DATA. */
export const trainCommand = 'foveal train DATA --network network.yaml --recipe recipe.yaml'
