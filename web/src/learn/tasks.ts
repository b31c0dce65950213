// A task of a chapter and whether an answer to it is right.

export type Task =
  | { kind: 'state'; solved: () => boolean } // of the figure
  | { kind: 'number'; answer: () => number; tolerance?: number }
  | { kind: 'choice'; options: readonly string[]; answer: number } // keys of the chapter's texts

export type Verdict = 'right' | 'wrong' | 'notNumber' | 'choose'

/** A number as people write it: a decimal comma and separators of thousands are understood. */
export function parseNumber(text: string): number | null {
  const plain = text
    .trim()
    .replace(/−/g, '-')
    .replace(/[\s_]/g, '')
    .replace(/,(?=\d{3}(\D|$))/g, '')
    .replace(',', '.')
  return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : null
}

export function verdictOn(task: Task, answer: string): Verdict {
  if (task.kind === 'state') return task.solved() ? 'right' : 'wrong'
  if (task.kind === 'choice') return answer === '' ? 'choose' : Number(answer) === task.answer ? 'right' : 'wrong'
  const given = parseNumber(answer)
  if (given === null) return 'notNumber'
  return Math.abs(given - task.answer()) <= (task.tolerance ?? 1e-9) ? 'right' : 'wrong'
}
