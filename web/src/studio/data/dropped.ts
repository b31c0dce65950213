// Files that were dropped or chosen, with the class each folder names.

/** folder: of class folders, in which the file came. */
export interface NamedFile {
  file: File
  label: string | null
  folder?: string
}

const SPLIT_FOLDERS = new Set(['train', 'training', 'val', 'valid', 'validation', 'test', 'testing'])

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

/** The class of a file in `folders`; where the dropped folder has folders, these are the classes. */
export function labelOf(folders: readonly string[], nested: boolean): string | null {
  if (!nested) return folders[0] ?? null
  const inner = folders.slice(1)
  const at = inner.length > 1 && SPLIT_FOLDERS.has(inner[0]!.toLowerCase()) ? 1 : 0
  return inner[at] ?? null
}

const inOrder = new Intl.Collator(undefined, { numeric: true }).compare
const pathOf = ({ file, folders }: Found): string => [...folders, file.name].join('/')

function labelled(found: Found[]): NamedFile[] {
  found.sort((a, b) => inOrder(pathOf(a), pathOf(b)))
  const nested = new Set(found.filter((one) => one.folders.length > 1).map((one) => one.folders[0]))
  return found.map(({ file, folders }) => {
    const [folder] = folders
    const isNested = folder !== undefined && nested.has(folder)
    return { file, label: labelOf(folders, isNested), ...(isNested ? { folder } : {}) }
  })
}

/** Every file of a drop, folders included. */
export async function filesOf(entries: (FileSystemEntry | File)[]): Promise<NamedFile[]> {
  const found: Found[] = []
  for (const entry of entries) {
    if (entry instanceof File) found.push({ file: entry, folders: [] })
    else for await (const one of walk(entry, [])) found.push(one)
  }
  return labelled(found)
}

/** Files of an <input type="file">, with webkitdirectory or without. */
export function filesOfInput(files: Iterable<File>): NamedFile[] {
  const found = Array.from(files, (file) => ({ file, folders: file.webkitRelativePath.split('/').slice(0, -1) }))
  return labelled(found.filter(({ file, folders }) => ![file.name, ...folders].some((name) => name.startsWith('.'))))
}
