// Files that were dropped or chosen, with the class and the split that the server reads from their folders.
import { post } from '../api'

/** folder: the dropped one, where a command line that adds it does the same. */
export interface NamedFile {
  file: File
  label: string | null
  split?: string | null
  folder?: string
}

/** notes: how folders were read, and what of them was not used. */
export interface Dropped {
  files: NamedFile[]
  notes: string[]
}

/** As the reader of a folder of this machine reads it; ignored: paths of files that it does not use.
 * whole: dropped folders that it reads the same by their path.
 */
interface Layout {
  places: Record<string, { label: string | null; split: string | null }>
  ignored: string[]
  whole: string[]
  notes: string[]
}

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

async function placed(found: Found[]): Promise<Dropped> {
  found.sort((a, b) => inOrder(pathOf(a), pathOf(b)))
  const { places, ignored, whole, notes } = await readLayout(
    found.filter((one) => one.folders.length && !isArchive(one)),
  )
  const unused = new Set(ignored)
  const files = found
    .filter((one) => !unused.has(pathOf(one)))
    .map((one): NamedFile => {
      const [folder = ''] = one.folders
      const place = isArchive(one) ? undefined : places[one.folders.join('/')]
      return { file: one.file, label: null, ...place, ...(whole.includes(folder) ? { folder } : {}) }
    })
  return { files, notes }
}

async function readLayout(found: Found[]): Promise<Layout> {
  if (!found.length) return { places: {}, ignored: [], whole: [], notes: [] }
  const folders: Record<string, string[]> = {}
  for (const { file, folders: parts } of found) (folders[parts.join('/')] ??= []).push(file.name)
  return post<Layout>('/upload-layout', { folders })
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
