// The values of the studio's HTTP API.

export interface ProjectSummary {
  id: string
  name: string
  images: number
  classes: number
  runs: number
}

export interface StudioInfo {
  version: string
  workspace: string
  projects: ProjectSummary[]
  pretrained: { name: string; installed: boolean }[]
  lang?: string
}

export interface ClassCount {
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

/** One column an array; `labels` are indices into the project's classes, -1 for none. */
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
  width: number
  height: number
  source: string
}

export interface Intake {
  added: number
  skipped: { name: string; reason: string }[]
}

export interface Finding {
  kind: string
  message: string
  ids: number[]
  action: 'leave_out' | 'relabel' | 'keep'
  label?: string | null
}

export interface Findings {
  state: string
  findings: Finding[]
}

export interface Proposal {
  id: number
  proposed: string
  probability: number
}

export interface RunSummary {
  id: string
  state: string
  val_accuracy?: number | null
  created?: string
  name?: string
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
