// The values of the studio's HTTP API; those of runs stand in train/types.ts.
export type { RunStatus } from './train/types'

export interface ProjectSummary {
  id: string
  name: string
  images: number
  classes: number
  runs: number
  /** Why it cannot be opened; its counts are not known then. */
  error: string | null
}

export interface StudioInfo {
  version: string
  workspace: string
  projects: ProjectSummary[]
}

/** run: null for a whole project.  project_name: null where the project of a run is not there. */
export interface Trashed {
  key: string
  project: string
  run: string | null
  name: string
  project_name: string | null
}

export interface ClassCount {
  id: number
  name: string
  count: number
}

export interface Project {
  id: string
  name: string
  revision: number
  classes: ClassCount[]
  images: number
  unlabelled: number
  left_out: number
  can_undo: boolean
  can_redo: boolean
  sources: unknown[]
}

/** One column an array; `labels` are ids of classes, -1 for none. */
export interface ImageColumns {
  revision: number
  ids: number[]
  labels: number[]
  splits: number[]
  left_out: number[]
}

export interface ImageInfo {
  id: number
  name: string
  label: string | null
  split: number | string
  group: string | null
  width: number | null
  height: number | null
  source: string
  problem: string | null // why it cannot be read now
}

export interface Intake {
  added: number
  skipped: { name: string; reason: string }[]
  skipped_count: number
  notes: string[]
}

/** copied: images whose copies were written. */
export interface ExportedFolders {
  copied: number
  skipped: Intake['skipped']
  skipped_count: number
}

export interface Finding {
  kind: string
  message: string
  severity: 'error' | 'warning' | 'info'
  ids: number[]
  details: (string | null)[] // one an image, or none
  pairs: [number, number][]
  action: 'leave_out' | 'relabel' | 'keep'
  label: string | null // the class to relabel its images as
}

export type WorkState = 'none' | 'running' | 'done' | 'failed' | 'cancelled'

/** stale: the project has changed since the check. */
export interface Findings {
  state: WorkState
  stale: boolean
  findings: Finding[]
  error: string | null
}

/** reason: why there is no proposal.  model: what proposed.  answered: of its proposals, since they were made. */
export interface Queue {
  state: WorkState
  reason: string | null
  model: string | null
  answered: number
  items: Proposal[]
}

export interface Proposal {
  id: number
  proposed: string
  probability: number
}

/** One column an array; `predicted` are places in `labels`, -1 where an image cannot be read. */
export interface Predictions {
  state: WorkState
  stale: boolean // the model or the images have changed since
  run: string | null
  labels: string[]
  ids: number[]
  predicted: number[]
  probability: number[] // in percent
  error: string | null
}

/** Of long work: `done` of `total` (null: unknown) of `what`. */
export interface Task {
  id: string
  kind: string
  state: 'running' | 'done' | 'failed' | 'cancelled'
  done?: number
  total?: number | null
  what?: string
  note?: string
  error?: string | null
}

export type Split = 0 | 1 | 2 | 3
export const SPLITS = ['auto', 'train', 'val', 'test'] as const
