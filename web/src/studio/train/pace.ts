// How often a live view is drawn: so seldom that the training on the same processor hardly notices.
import { flushSync } from 'svelte'

/** Of the time, that one of a handful of views may take on the page's main thread: more where there are more cores. */
const SHARE = 0.0015 * Math.min(navigator.hardwareConcurrency || 2, 16)
const MOST_MS = 60_000

/** Does work after a pause that grows with what the work before has cost, and never in a hidden page. */
export class Pace {
  #work: (() => void) | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #due = 0

  constructor(readonly leastMs: number) {
    document.addEventListener('visibilitychange', this.#arm)
  }

  /** Do `work` as soon as it is due; what was planned before and not done yet is replaced. */
  plan(work: () => void): void {
    this.#work = work
    this.#arm()
  }

  /** Do what is planned now. */
  flush(): void {
    const work = this.#work
    if (!work) return
    this.#work = undefined
    this.measure(work)
  }

  /** Do `work` now; what it costs says when the next is due. */
  measure(work: () => void): void {
    const began = performance.now()
    flushSync(work)
    this.#waited(performance.now() - began)
  }

  close(): void {
    this.#work = undefined
    clearTimeout(this.#timer)
    document.removeEventListener('visibilitychange', this.#arm)
  }

  /** Nothing is due before this time; for work whose cost another has measured. */
  notBefore(seconds: number): void {
    this.#due = Math.max(this.#due, performance.now() + 1000 * seconds)
  }

  readonly #arm = (): void => {
    if (document.hidden || !this.#work || this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.#reached(), Math.max(0, this.#due - performance.now()))
  }

  #reached(): void {
    if (performance.now() >= this.#due && !document.hidden) this.flush()
    this.#timer = undefined
    this.#arm()
  }

  /** The script took `scriptMs`; the frame that shows its result is measured as well. */
  #waited(scriptMs: number): void {
    this.#pause(scriptMs)
    requestAnimationFrame(() => {
      const began = performance.now()
      const channel = new MessageChannel() // its message comes after the frame's layout and paint
      channel.port1.onmessage = () => {
        channel.port1.close()
        this.#pause(scriptMs + performance.now() - began)
      }
      channel.port2.postMessage(null)
    })
  }

  #pause(costMs: number): void {
    this.notBefore(Math.min(MOST_MS, Math.max(this.leastMs, costMs / SHARE)) / 1000)
  }
}
