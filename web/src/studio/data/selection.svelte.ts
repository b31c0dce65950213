// Which images are selected, and which one the keyboard is on.
import { type IdSet, between, idSet, toggled, within } from './idSets'

class Selection {
  ids = $state.raw<IdSet>(idSet([]))
  /** Position in what the grid shows. */
  active = $state(0)
  private anchor = 0

  get size(): number {
    return this.ids.size
  }

  /** The selected images, or the one the keyboard is on. */
  targets(shown: ArrayLike<number>): number[] {
    if (this.ids.size) return [...this.ids]
    const id = shown[this.active]
    return id === undefined ? [] : [id]
  }

  only(shown: ArrayLike<number>, at: number): void {
    this.move(at)
    this.ids = idSet([shown[at]!])
  }

  /** Move the keyboard's place without selecting. */
  move(at: number): void {
    this.active = this.anchor = at
  }

  toggle(shown: ArrayLike<number>, at: number): void {
    this.move(at)
    this.ids = toggled(this.ids, shown[at]!)
  }

  /** From where the last selection began to `at`. */
  extend(shown: ArrayLike<number>, at: number): void {
    this.active = at
    this.ids = between(shown, this.anchor, at)
  }

  all(shown: ArrayLike<number>): void {
    this.ids = idSet(Array.from(shown))
  }

  clear(): void {
    this.ids = idSet([])
  }

  /** Forget what is no longer shown: its images went elsewhere, and the place stays inside. */
  keepTo(shown: ArrayLike<number>): void {
    this.ids = within(this.ids, shown)
    const last = Math.max(0, shown.length - 1)
    this.active = Math.min(this.active, last)
    this.anchor = Math.min(this.anchor, last)
  }
}

export const selection = new Selection()
