// The dialogs that are open, the uppermost last: what is beside it lies behind it and cannot be reached.
class Sheets {
  private open = $state.raw<readonly string[]>([])
  readonly top = $derived(this.open.at(-1))

  /** Note one that opens; returns what notes that it is closed. */
  add(id: string): () => void {
    this.open = [...this.open, id]
    return () => (this.open = this.open.filter((one) => one !== id))
  }
}

export const sheets = new Sheets()
