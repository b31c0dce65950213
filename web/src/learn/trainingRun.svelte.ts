// A training in the worker as values that a chapter shows; it ends with the chapter.
import { onDestroy } from 'svelte'
import type { NetworkState } from './core'
import { startTraining, type EpochScores, type FromWorker, type Order, type Trainer } from './trainer'

export interface Status {
  epoch: number
  seconds: number
  loss: number
}

/** Values of the last training: none before the first. To be made while a component is. */
export function trainingRun() {
  let trainer: Trainer | null = null
  let running = $state(false)
  let diverged = $state(false)
  let status = $state.raw<Status | null>(null)
  let history = $state.raw<EpochScores[]>([])
  let steps = $state.raw<[number, number][]>([])
  let network = $state.raw<NetworkState | null>(null)

  function report(message: FromWorker): void {
    if (message.kind === 'state') network = message
    else if (message.kind === 'epoch') history = [...history, message]
    else if (message.kind === 'step') {
      status = message
      steps = [...steps, [message.epoch, message.loss]]
    } else {
      running = false
      diverged = message.kind === 'diverged'
      if (message.kind === 'done' && status) status = { ...status, seconds: message.seconds }
    }
  }
  onDestroy(() => trainer?.close())
  return {
    get running() {
      return running
    },
    get diverged() {
      return diverged
    },
    get status() {
      return status
    },
    get history() {
      return history
    },
    get steps() {
      return steps
    },
    get network() {
      return network
    },
    start(order: Order): void {
      trainer?.close()
      ;[history, steps, status, diverged, network, running] = [[], [], null, false, null, true]
      trainer = startTraining(order, report)
    },
    /** Show the maps and the prediction of another image. */
    probe: (pixels: Float32Array): void => trainer?.probe(pixels),
    stop: (): void => trainer?.stop(),
  }
}
