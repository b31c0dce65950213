// What training can use of a project.
import type { Project } from './types'

/** Images with a label that are not left out. */
export const labelledImages = (project: Project): number => project.classes.reduce((sum, one) => sum + one.count, 0)

/** Whether two classes have images, as training needs. */
export const canTrain = (project: Project): boolean => project.classes.filter((one) => one.count > 0).length >= 2
