// Bytes in the page: gzip, and the text of an element.

/** The bytes a gzip file holds. */
export async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** The text of an element that only carries data; it is removed, so that it is not kept twice. */
export function takeText(id: string): string {
  const element = document.getElementById(id)
  const text = element?.textContent?.trim() ?? ''
  element?.remove()
  return text
}
