// The studio's HTTP API: every failure becomes a RequestError with one sentence of the server.
/** A failed request: the HTTP status, 0 where the server cannot be reached, and its sentence. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
  ) {
    super(reason)
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(`/api${path}`, init)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new RequestError(0, '')
  }
  if (response.ok) return response
  const body = (await response.json().catch(() => ({}))) as { error?: string }
  throw new RequestError(response.status, body.error ?? `${response.status} ${response.statusText}`)
}

async function json<T>(path: string, init: RequestInit): Promise<T> {
  return (await (await send(path, init)).json()) as T
}

export const get = <T>(path: string): Promise<T> => json<T>(path, {})

/** Ask for a page that is to be framed; a failure, which no frame shows, is thrown. */
export async function page(path: string): Promise<void> {
  await (await send(path, {})).body?.cancel()
}

export const post = <T>(path: string, body: unknown = {}, signal?: AbortSignal): Promise<T> =>
  json<T>(path, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(body),
    signal: signal ?? null,
  })

/** The bytes of an image that lies on the machine of the studio; path: whole, or a file:// address. */
export const imageOfMachine = async (path: string): Promise<Blob> =>
  (await send('/image-file', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ path }) })).blob()

export const remove = <T>(path: string): Promise<T> =>
  json<T>(path, { method: 'DELETE', headers: JSON_TYPE, body: '{}' })

/** Send the bytes of one file. */
export const upload = <T>(path: string, content: Blob, signal?: AbortSignal): Promise<T> =>
  json<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: content,
    signal: signal ?? null,
  })

/** "?name=…&label=…" of the values that are given. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const given = Object.entries(values).filter((pair): pair is [string, string | number] => pair[1] != null)
  return given.length ? `?${given.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&')}` : ''
}

export const projectPath = (project: string): string => `/projects/${encodeURIComponent(project)}`
export const runPath = (project: string, run: string): string =>
  `${projectPath(project)}/runs/${encodeURIComponent(run)}`

/** The address of an image's thumbnail, for <img src>. */
export const thumbnailUrl = (project: string, id: number): string =>
  `/api${projectPath(project)}/images/${id}/thumbnail`
export const pixelsUrl = (project: string, id: number): string => `/api${projectPath(project)}/images/${id}/pixels`
