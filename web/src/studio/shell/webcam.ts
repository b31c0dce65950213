// The camera of the studio, which says how another machine's page gets one.
import { Camera } from '../../shared/cameraStream.svelte'
import { translator } from '../../shared/i18n.svelte'
import { words } from '../words'

const t = translator(words)

export const VIDEO: MediaTrackConstraints = { width: { ideal: 640 } }

export const webcam = (): Camera =>
  new Camera(() => t('webcamRemote', { port: location.port, host: location.hostname }))
