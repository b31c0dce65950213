// The data of the check page, as foveal/doctor/page.py writes it.

export type Finding = {
  kind: string
  severity: 'error' | 'warning' | 'info'
  count: number
  advice: string
  files: string[]
  pairs: [string, string][]
  details: string[]
  more: number
}

export type CheckData = {
  name: string
  images: number
  unusable: number
  classes: [name: string, images: number][]
  splits: [name: string, images: number][]
  findings: Finding[]
  thumbnails: Record<string, string>
  reasons: Record<string, string>
}
