// What a run is doing now, as one of the words of the Train tab.
import type { RunStatus } from './types'
import type { words } from './words'

/** After its last step a run calibrates its model and writes the report: it is finishing. */
export function stateWord(run: RunStatus): keyof typeof words {
  if (run.state === 'removed') return 'interrupted'
  if (run.state !== 'running') return run.state
  if (run.stopping) return 'stopping'
  if (!run.latest) return 'preparing'
  return run.latest.step >= run.latest.steps ? 'finishing' : 'running'
}
