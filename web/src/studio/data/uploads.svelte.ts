// Sending files to the open project, a few at a time, with progress that can be cancelled.
import { RequestError, projectPath, query, upload } from '../api'
import { refresh, sentence, studio } from '../state.svelte'
import type { Intake } from '../types'
import type { Dropped, NamedFile } from './dropped'

const AT_ONCE = 4
const MOST_LISTED = 1000

class Uploads {
  total = $state(0)
  done = $state(0)
  added = $state(0)
  running = $state(false)
  /** The first of the files that were not added. */
  skipped = $state.raw<Intake['skipped']>([])
  skippedCount = $state(0)
  notes = $state.raw<string[]>([]) // how folders and archives were read
  private abort = new AbortController()
  private waiting: (NamedFile & { project: string })[] = []

  /** Send files into the open project, to be undone together; those of a running upload go on. */
  async add({ files, notes, skipped = [] }: Dropped): Promise<void> {
    const { project } = studio
    if (!project || !(files.length || notes.length || skipped.length)) return
    this.waiting = [...this.waiting, ...files.map((file) => ({ ...file, project: project.id }))]
    const told = { added: 0, notes, skipped, skipped_count: skipped.length }
    if (this.running) {
      this.total += files.length
      this.count(told)
      return
    }
    Object.assign(this, { total: files.length, done: 0, added: 0, running: true })
    this.tell(told)
    do {
      this.abort = new AbortController()
      const { signal } = this.abort
      const batch = crypto.getRandomValues(new Uint32Array(4)).join('-') // randomUUID needs HTTPS or localhost
      await Promise.all(Array.from({ length: AT_ONCE }, () => this.sendNext(batch, signal)))
    } while (this.waiting.length) // dropped between a cancel and its end
    this.running = false
    await refresh()
  }

  cancel(): void {
    this.total -= this.waiting.length
    this.waiting = []
    this.abort.abort()
  }

  /** Tell of this, and no longer of the upload before. */
  tell(intake: Intake): void {
    this.forget()
    this.count({ ...intake, added: 0 })
  }

  /** Close what is told of the upload before. */
  forget(): void {
    Object.assign(this, { skipped: [], skippedCount: 0, notes: [] })
  }

  private async sendNext(batch: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const next = this.waiting.shift()
      if (!next) return
      try {
        const intake = await sendFile(
          next.project,
          next,
          { group: next.group ?? undefined, batch, added: next.folder },
          signal,
        )
        this.count(intake)
      } catch (error) {
        if (!(error instanceof RequestError)) {
          this.total-- // cancelled
          return
        }
        const skipped = [{ name: next.file.name, reason: sentence(error) }]
        this.count({ added: 0, notes: [], skipped, skipped_count: 1 })
        if (error.status === 0) this.waiting = []
      }
      this.done++
    }
  }

  private count({ added, skipped, skipped_count, notes }: Intake): void {
    this.added += added
    this.skippedCount += skipped_count
    const room = MOST_LISTED - this.skipped.length
    if (notes.length) this.notes = [...this.notes, ...notes]
    if (skipped.length && room > 0) this.skipped = [...this.skipped, ...skipped.slice(0, room)]
  }
}

export const uploads = new Uploads()

/** Send one file. group: its images stay in one split.  batch: they are undone together.  added: what
 * the command line that does the same adds, where that is not this file.
 */
export function sendFile(
  project: string,
  { file, label, split }: { file: Blob & { name?: string }; label: string | null; split?: string | null },
  { group, batch, added }: { group?: string | undefined; batch: string; added?: string | undefined },
  signal?: AbortSignal,
): Promise<Intake> {
  const options = { name: file.name ?? 'image.jpg', label, split, group, batch, added }
  const path = `${projectPath(project)}/uploads${query(options)}`
  return upload<Intake>(path, file, signal)
}
