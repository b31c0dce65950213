// The chapters in their order; the id is the address.
import type { Component } from 'svelte'
import type { Words } from '../../shared/i18n.svelte'
import { activationWords } from './activation'
import Activation from './Activation.svelte'
import { convolutionWords } from './convolution'
import Convolution from './Convolution.svelte'
import { featureMapWords } from './featureMaps'
import FeatureMaps from './FeatureMaps.svelte'
import { flattenWords } from './flatten'
import Flatten from './Flatten.svelte'
import { flipWords } from './flip'
import Flip from './Flip.svelte'
import { imageWords } from './image'
import Image from './Image.svelte'
import { lossWords } from './loss'
import Loss from './Loss.svelte'
import { networkWords } from './network'
import Network from './Network.svelte'
import { outputWords } from './output'
import Output from './Output.svelte'
import { overfittingWords } from './overfitting'
import Overfitting from './Overfitting.svelte'
import { paddingWords } from './padding'
import Padding from './Padding.svelte'
import { poolingWords } from './pooling'
import Pooling from './Pooling.svelte'
import { receptiveFieldWords } from './receptiveField'
import ReceptiveField from './ReceptiveField.svelte'
import { signalWords } from './signal'
import Signal from './Signal.svelte'
import { strideWords } from './stride'
import Stride from './Stride.svelte'
import { weightsWords } from './weights'
import Weights from './Weights.svelte'

export interface ChapterEntry {
  id: string
  words: Words // title, about, lead, more, try, note, task1.., hint1.., why1.. and those of the figure
  component: Component
}

export const chapters: readonly ChapterEntry[] = [
  { id: 'image', words: imageWords, component: Image },
  { id: 'signal', words: signalWords, component: Signal },
  { id: 'convolution', words: convolutionWords, component: Convolution },
  { id: 'flip', words: flipWords, component: Flip },
  { id: 'feature-maps', words: featureMapWords, component: FeatureMaps },
  { id: 'activation', words: activationWords, component: Activation },
  { id: 'receptive-field', words: receptiveFieldWords, component: ReceptiveField },
  { id: 'padding', words: paddingWords, component: Padding },
  { id: 'stride', words: strideWords, component: Stride },
  { id: 'pooling', words: poolingWords, component: Pooling },
  { id: 'flatten', words: flattenWords, component: Flatten },
  { id: 'output', words: outputWords, component: Output },
  { id: 'loss', words: lossWords, component: Loss },
  { id: 'weights', words: weightsWords, component: Weights },
  { id: 'overfitting', words: overfittingWords, component: Overfitting },
  { id: 'network', words: networkWords, component: Network },
]

/** How many tasks a chapter has. */
export function taskCount(id: string): number {
  const words = chapters.find((one) => one.id === id)!.words
  return Object.keys(words).filter((key) => /^task\d$/.test(key)).length
}

/** 0 .. its number of tasks - 1. */
export const tasksOf = (id: string): number[] => Array.from({ length: taskCount(id) }, (_, k) => k)
