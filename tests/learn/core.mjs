// node core.mjs CASES.json: what the numeric core computes for each network, images and classes, as JSON.
import { readFileSync } from 'node:fs'
import { load } from './load.mjs'

const core = await load('core/index.ts')

function compute({ layers, input, classes, pixels, targets, optimiser, rate, steps }) {
  const n = targets.length
  const network = core.makeNetwork(layers, input, classes, 3)
  const parameters = network.layers.flatMap((layer) => layer.parameters)
  const random = core.seeded(5)
  for (const p of parameters) if (p.name === 'bias') p.value.forEach((_, i) => (p.value[i] = random() - 0.5))
  for (const { kind, parameters: own } of network.layers)
    if (kind === 'batch_norm') own[0].value.forEach((_, i) => (own[0].value[i] = 0.5 + random()))
  const copies = (name) => parameters.map((p) => Array.from(p[name]))
  const before = copies('value')
  const images = Float32Array.from(pixels)
  const move = core.makeOptimiser(optimiser, parameters, rate)
  const losses = []
  let logits, gradients
  // What dropout multiplied its input by: nothing else tells which values it chose.
  const dropped = network.layers.filter((layer) => layer.kind === 'dropout')
  const masks = []
  for (const layer of dropped) {
    const { forward } = layer
    layer.forward = (x, n, training) => {
      const y = forward(x, n, training)
      if (training) masks.push(Array.from(x, (v, i) => y[i] / v))
      return y
    }
  }
  for (let step = 0; step < steps; step++) {
    const out = core.forward(network, images, n, true)
    const loss = core.crossEntropy(out, targets, classes)
    core.backward(network, loss.gradient, n)
    if (step === 0) [logits, gradients] = [Array.from(out), copies('gradient')]
    losses.push(loss.mean)
    move()
  }
  const shapes = core.shapesOf(layers, input)
  return {
    before,
    logits,
    losses,
    gradients,
    after: copies('value'),
    shapes,
    masks,
    evaluated: Array.from(core.forward(network, images, n)),
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(process.argv[2], 'utf8')).map(compute)))
