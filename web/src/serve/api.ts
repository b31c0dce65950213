// The server's API; every failure becomes a RequestError with one sentence.
import type { Prediction } from '../shared/prediction'

/** The data that the server puts into the page. */
export interface PageData {
  models: string[]
  token_required: boolean
  can_explain: boolean
  max_bytes: number
}

/** A failed request: the HTTP status, 0 where the server cannot be reached, and its reason. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
  ) {
    super(reason)
  }
}

async function post(path: string, image: Blob, model: string, token: string): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': image.type || 'application/octet-stream' }
  if (token) headers.authorization = `Bearer ${token}`
  let response: Response
  try {
    response = await fetch(`${path}?model=${encodeURIComponent(model)}`, { method: 'POST', body: image, headers })
  } catch {
    throw new RequestError(0, '')
  }
  if (response.ok) return response
  const body = (await response.json().catch(() => ({}))) as { error?: string }
  throw new RequestError(response.status, body.error ?? response.statusText)
}

/** The prediction for one image. */
export async function predict(image: Blob, model: string, token: string): Promise<Prediction> {
  return (await post('predict', image, model, token)).json() as Promise<Prediction>
}

/** The HTML page that explains the prediction for one image. */
export async function explain(image: Blob, model: string, token: string): Promise<Blob> {
  const html = await (await post('explain', image, model, token)).text()
  return new Blob([html], { type: 'text/html' })
}
