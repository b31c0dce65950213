// Trains a network beside the page, in slices, so that it hears what the page says in between.
import { evaluate, makeNetwork, stateOf, train, type Images, type Network, type Step } from './core'
import type { FromWorker, Order, ToWorker } from './trainer'

const SLICE_MS = 60
const REPORT_MS = 150

let network: Network | null = null
let probe: Float32Array = new Float32Array(64)
let stopped = false

const post = (message: FromWorker): void => postMessage(message)

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'stop') stopped = true
  else if (data.kind === 'probe') {
    probe = data.pixels
    if (network) post({ kind: 'state', ...stateOf(network, probe) })
  } else void run(data)
}

const pause = (): Promise<void> => new Promise((done) => setTimeout(done))

async function run(data: Order): Promise<void> {
  const start = performance.now()
  const seconds = (): number => (performance.now() - start) / 1000
  const net = makeNetwork(data.layers, data.input, 10, data.settings.seed)
  network = net
  probe = data.probe
  let [sliceEnd, reported] = [performance.now() + SLICE_MS, 0]
  let seen: Step[] = []
  for (const step of train(net, data.train, data.settings)) {
    seen.push(step)
    if (!Number.isFinite(step.loss)) return post({ kind: 'diverged', epoch: step.epoch })
    if (step.endsEpoch) {
      post({ kind: 'epoch', epoch: step.epoch, seconds: seconds(), ...scores(net, seen, data) })
      seen = []
    }
    const now = performance.now()
    if (now - reported > REPORT_MS) {
      post({ kind: 'step', epoch: step.epoch, loss: step.loss, seconds: seconds() })
      post({ kind: 'state', ...stateOf(net, probe) })
      reported = now
    }
    if (now < sliceEnd) continue
    await pause()
    if (stopped) break
    sliceEnd = performance.now() + SLICE_MS
  }
  post({ kind: 'state', ...stateOf(net, probe) })
  post({ kind: 'done', seconds: seconds() })
}

/** Means over the steps of an epoch, and the scores on the images that are never trained on. */
function scores(net: Network, seen: Step[], { test }: { test: Images }) {
  const images = seen.reduce((sum, step) => sum + step.images, 0)
  const unseen = evaluate(net, test)
  return {
    trainLoss: seen.reduce((sum, step) => sum + step.loss * step.images, 0) / images,
    trainAccuracy: seen.reduce((sum, step) => sum + step.correct, 0) / images,
    testLoss: unseen.loss,
    testAccuracy: unseen.accuracy,
  }
}
