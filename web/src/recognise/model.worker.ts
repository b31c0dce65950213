// Runs the ONNX model with ONNX Runtime Web beside the page, which stays responsive.
import * as ort from 'onnxruntime-web/wasm'
import { fromBase64 } from '../shared/base64'
import { gunzip } from './bytes'
import type { FromWorker, ToWorker } from './model'

let session: ort.InferenceSession

const post = (message: FromWorker): void => postMessage(message)

async function open(data: Extract<ToWorker, { kind: 'open' }>): Promise<void> {
  const start = performance.now()
  ort.env.wasm.wasmBinary = (await gunzip(fromBase64(data.runtime))).buffer
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'error'
  session = await ort.InferenceSession.create(fromBase64(data.model), { executionProviders: ['wasm'] })
  post({ kind: 'ready', ms: performance.now() - start })
}

async function run({ id, pixels, shape }: Extract<ToWorker, { kind: 'run' }>): Promise<void> {
  const start = performance.now()
  const { probabilities } = await session.run({ pixels: new ort.Tensor('uint8', pixels, shape) }, ['probabilities'])
  const values = probabilities!.data as Float32Array
  post({ kind: 'done', id, values, ms: performance.now() - start })
}

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  try {
    await (data.kind === 'open' ? open(data) : run(data))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    post(data.kind === 'run' ? { kind: 'failed', id: data.id, reason } : { kind: 'closed', reason })
  }
}
