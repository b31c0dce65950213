// How often live views are drawn: all in one frame, as each frame costs every process of the browser, and so seldom
// that the training on the same processor hardly notices.
import { flushSync } from 'svelte'

/** Of the time, that all live views may take on the page's main thread: more where there are more cores. */
const SHARE = 0.002 * Math.min(navigator.hardwareConcurrency || 2, 16)
const LEAST_MS = 3000
const MOST_MS = 60_000

const planned = new Set<Pace>()
let timer: ReturnType<typeof setTimeout> | undefined
/** The next frame of the live views is not before it, by `performance.now()`. */
let frameDue = 0

/** Does the work of one live view: in the frame of all, or where it draws nothing as soon as it is due itself.
    Nothing is done in a hidden page. */
export class Pace {
  #work: (() => void) | undefined
  #due = 0

  constructor(readonly draws = true) {}

  get due(): number {
    return this.draws ? Math.max(this.#due, frameDue) : this.#due
  }

  /** Do `work` as soon as it is due; what was planned before and not done yet is replaced. */
  plan(work: () => void): void {
    this.#work = work
    planned.add(this)
    arm()
  }

  /** Do what is planned now: a person waits for it. */
  flush(): void {
    perform([this])
  }

  /** Nothing is due before so many seconds from now; for work whose cost another has measured. */
  notBefore(seconds: number): void {
    this.#due = performance.now() + 1000 * seconds
  }

  close(): void {
    this.take()
  }

  /** What is planned; it is no longer then. */
  take(): (() => void) | undefined {
    const work = this.#work
    this.#work = undefined
    planned.delete(this)
    return work
  }
}

document.addEventListener('visibilitychange', arm)

function arm(): void {
  clearTimeout(timer)
  if (document.hidden || !planned.size) return
  const next = Math.min(...[...planned].map((pace) => pace.due))
  timer = setTimeout(reached, Math.max(0, next - performance.now()))
}

function reached(): void {
  const now = performance.now()
  try {
    if (!document.hidden) perform([...planned].filter((pace) => pace.due <= now))
  } finally {
    arm()
  }
}

/** Do what is planned of some views; what it costs says when the next frame is due. */
function perform(paces: Pace[]): void {
  const draws = paces.some((pace) => pace.draws)
  const works = paces.map((pace) => pace.take())
  const began = performance.now()
  flushSync(() => works.forEach((work) => work?.()))
  if (draws && works.some(Boolean)) measureFrame(performance.now() - began)
}

/** The script took `scriptMs`; the frame that shows its result is measured as well. */
function measureFrame(scriptMs: number): void {
  rest(scriptMs)
  requestAnimationFrame(() => {
    const began = performance.now()
    const channel = new MessageChannel() // its message comes after the frame's layout and paint
    channel.port1.onmessage = () => {
      channel.port1.close()
      rest(scriptMs + performance.now() - began)
    }
    channel.port2.postMessage(null)
  })
}

function rest(costMs: number): void {
  const pause = Math.min(MOST_MS, Math.max(LEAST_MS, costMs / SHARE))
  frameDue = Math.max(frameDue, performance.now() + pause)
  arm()
}
