// What a layer of a network is: forward and backward over a batch.
// Maps are stored channel by channel: value (channel, image, row, column) of `n` images. After flatten
// a batch is image by image. backward() takes the gradient of the loss by the output, fills the
// gradients of the parameters and returns that by the input, where it is needed.
import type { LayerSpec, Shape } from './spec'

export interface Parameter {
  name: 'weight' | 'bias'
  value: Float32Array
  gradient: Float32Array
}

export interface Layer {
  kind: LayerSpec['kind']
  input: Shape
  output: Shape
  parameters: Parameter[]
  forward(x: Float32Array, n: number, training?: boolean): Float32Array
  backward(gradient: Float32Array, n: number, needsInput?: boolean): Float32Array
}

export type Maps = readonly [number, number, number]

/** A parameter with room for its gradient. */
export const parameter = (name: Parameter['name'], value: Float32Array): Parameter => ({
  name,
  value,
  gradient: new Float32Array(value.length),
})
