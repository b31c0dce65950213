// Asks the server what is on an image; everything that can go wrong becomes one sentence.

export interface Choice {
  label: string
  probability: number
}

export interface Answer {
  label: string
  probability: number
  top: Choice[]
  abstained: boolean
  labels?: string[]
}

export interface PageData {
  models: string[]
  token: boolean
  explain: boolean
  bytes: number
}

/** Why there is no answer: the server's reason, or that it could not be reached. */
export class NoAnswer extends Error {
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
    throw new NoAnswer(0, '')
  }
  if (response.ok) return response
  const body = (await response.json().catch(() => ({}))) as { error?: string }
  throw new NoAnswer(response.status, body.error ?? response.statusText)
}

/** The answer for one image. */
export async function predict(image: Blob, model: string, token: string): Promise<Answer> {
  return (await post('predict', image, model, token)).json() as Promise<Answer>
}

/** One page, as text, that shows what the network saw. */
export async function explain(image: Blob, model: string, token: string): Promise<Blob> {
  const html = await (await post('explain', image, model, token)).text()
  return new Blob([html], { type: 'text/html' })
}
