// The data of the page, and its model, which is opened at once.
import { pageData } from '../shared/data'
import { Recogniser } from './recogniser'
import type { PageData } from './types'

export const data = pageData<PageData>()
export const recogniser = new Recogniser(data)

Object.assign(window, { foveal: recogniser }) // for the check before the page is written, and for scripts
