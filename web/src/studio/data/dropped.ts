// Files that were dropped or chosen, with the class, split and group that the server reads from their
// folders or from a table among them.
import { post } from '../api'
import type { Intake } from '../types'

/** folder: the dropped one or the table, where a command line that adds it does the same. */
export interface NamedFile {
  file: File
  label: string | null
  split?: string | null
  group?: string | null
  folder?: string
}

/** notes: how folders and tables were read, and what of them was not used. */
export interface Dropped {
  files: NamedFile[]
  notes: string[]
  skipped?: Intake['skipped']
}

/** As the reader of a folder of this machine reads it; places: of folders.  files: of a table.
 * ignored: paths of files that it does not use.  whole: dropped folders, or the table among loose files,
 * that it reads the same by their path.  tables: paths of those whose contents it needs first.
 */
interface Layout {
  places: Record<string, { label: string | null; split: string | null }>
  files: Record<string, { label: string | null; split: string | null; group: string | null }>
  ignored: string[]
  whole: string[]
  notes: string[]
  skipped: Intake['skipped']
  tables: string[]
}
const NOTHING: Layout = { places: {}, files: {}, ignored: [], whole: [], notes: [], skipped: [], tables: [] }

/** The entries of a drop. Must be called while the event is handled, before anything is awaited. */
export function entriesOf(transfer: DataTransfer): (FileSystemEntry | File)[] {
  return Array.from(transfer.items)
    .filter((item) => item.kind === 'file')
    .map((item) => item.webkitGetAsEntry() ?? item.getAsFile())
    .filter((one) => one !== null)
}

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject))

/** All entries of a folder: the browser gives them 100 at a time. */
async function readFolder(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader()
  const all: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (!some.length) return all
    all.push(...some)
  }
}

interface Found {
  file: File
  folders: string[]
}

async function* walk(entry: FileSystemEntry, folders: string[]): AsyncGenerator<Found> {
  if (entry.name.startsWith('.')) return
  if (entry.isFile) yield { file: await fileOf(entry as FileSystemFileEntry), folders }
  else
    for (const inner of await readFolder(entry as FileSystemDirectoryEntry))
      yield* walk(inner, [...folders, entry.name])
}

const inOrder = new Intl.Collator(undefined, { numeric: true }).compare
const pathOf = ({ file, folders }: Found): string => [...folders, file.name].join('/')
const isArchive = ({ file }: Found): boolean => file.name.toLowerCase().endsWith('.zip')
const isTable = ({ file }: Found): boolean => /\.(csv|tsv|jsonl|parquet)$/i.test(file.name)

async function placed(found: Found[]): Promise<Dropped> {
  found.sort((a, b) => inOrder(pathOf(a), pathOf(b)))
  const { places, files: listed, ignored, whole, notes, skipped } = await readLayout(found)
  const unused = new Set(ignored)
  const table = found.find((one) => !one.folders.length && whole.includes(one.file.name))?.file.name
  const files = found
    .filter((one) => !unused.has(pathOf(one)))
    .map((one): NamedFile => {
      const [top = ''] = one.folders
      const place = isArchive(one) ? undefined : (listed[pathOf(one)] ?? places[one.folders.join('/')])
      const folder = whole.includes(top) ? top : place && table
      return { file: one.file, label: null, ...place, ...(folder ? { folder } : {}) }
    })
  return { files, notes, skipped }
}

/** How the server reads what was found: folders, and loose files where a table is among them. */
async function readLayout(found: Found[]): Promise<Layout> {
  const withTable = found.some((one) => !one.folders.length && isTable(one))
  const read = found.filter((one) => (one.folders.length || withTable) && !isArchive(one))
  if (!read.length) return NOTHING
  const folders: Record<string, string[]> = {}
  for (const { file, folders: parts } of read) (folders[parts.join('/')] ??= []).push(file.name)
  const layout = await post<Layout>('/upload-layout', { folders })
  if (!layout.tables.length) return layout
  const wanted = read.filter((one) => layout.tables.includes(pathOf(one)))
  const tables = await Promise.all(wanted.map(async (one) => [pathOf(one), await base64(one.file)] as const))
  return post<Layout>('/upload-layout', { folders, tables: Object.fromEntries(tables) })
}

async function base64(file: File): Promise<string> {
  const reader = new FileReader()
  await new Promise((resolve, reject) => {
    reader.onload = resolve
    reader.onerror = () => reject(reader.error ?? new Error(file.name))
    reader.readAsDataURL(file)
  })
  return String(reader.result).replace(/^[^,]*,?/, '')
}

async function filesIn(entries: (FileSystemEntry | File)[]): Promise<Found[]> {
  const found: Found[] = []
  for (const entry of entries) {
    if (entry instanceof File) found.push({ file: entry, folders: [] })
    else for await (const one of walk(entry, [])) found.push(one)
  }
  return found
}

/** Every file of a drop, folders included. */
export const filesOf = async (entries: (FileSystemEntry | File)[]): Promise<Dropped> => placed(await filesIn(entries))

/** Every file of a drop onto a class, whatever its folders are. */
export const filesOfClass = async (entries: (FileSystemEntry | File)[], label: string): Promise<Dropped> => ({
  files: (await filesIn(entries)).map(({ file }) => ({ file, label })),
  notes: [],
})

/** Files of an <input type="file">, with webkitdirectory or without. */
export function filesOfInput(files: Iterable<File>): Promise<Dropped> {
  const found = Array.from(files, (file) => ({ file, folders: file.webkitRelativePath.split('/').slice(0, -1) }))
  return placed(found.filter(({ file, folders }) => ![file.name, ...folders].some((name) => name.startsWith('.'))))
}
