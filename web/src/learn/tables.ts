// Every table of texts of the course by its name, and what a further language must give for them.
import { kernelWords } from '../shared/kernelWords'
import { cameraWords } from '../shared/cameraWords'
import { activationWords } from './chapters/activation'
import { convolutionWords } from './chapters/convolution'
import { featureMapWords } from './chapters/featureMaps'
import { flattenWords } from './chapters/flatten'
import { flipWords } from './chapters/flip'
import { imageWords } from './chapters/image'
import { lossWords } from './chapters/loss'
import { networkWords } from './chapters/network'
import { outputWords } from './chapters/output'
import { overfittingWords } from './chapters/overfitting'
import { paddingWords } from './chapters/padding'
import { poolingWords } from './chapters/pooling'
import { receptiveFieldWords } from './chapters/receptiveField'
import { signalWords } from './chapters/signal'
import { strideWords } from './chapters/stride'
import { weightsWords } from './chapters/weights'
import { shellWords } from './words'

export const tables = {
  shell: shellWords,
  camera: cameraWords,
  kernel: kernelWords,
  image: imageWords,
  signal: signalWords,
  convolution: convolutionWords,
  flip: flipWords,
  'feature-maps': featureMapWords,
  activation: activationWords,
  'receptive-field': receptiveFieldWords,
  padding: paddingWords,
  stride: strideWords,
  pooling: poolingWords,
  flatten: flattenWords,
  output: outputWords,
  loss: lossWords,
  weights: weightsWords,
  overfitting: overfittingWords,
  network: networkWords,
} as const

type Tables = typeof tables

/** A further language: `export default { ... } satisfies Language` in a file of languages/. A text that
 * is missing there is an error of the type check. */
export interface Language {
  code: string
  name: string // as its speakers write it
  texts: { [T in keyof Tables]: { [K in keyof Tables[T]]: string } }
}
