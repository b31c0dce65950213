// Seconds as people say them.
import { language, translator } from '../../shared/i18n.svelte'
import { shortDuration } from '../../shared/numbers'
import { words } from './words'

const t = translator(words)

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return t('seconds', { n: whole })
  if (whole < 600) return t('minutesSeconds', { m: Math.floor(whole / 60), s: whole % 60 })
  if (whole < 3570) return t('minutesLong', { n: Math.round(whole / 60) })
  const minutes = Math.round(whole / 60)
  return t('hoursMinutes', { h: Math.floor(minutes / 60), m: minutes % 60 })
}

/** A forecast, which may be far below a second. */
export function estimate(seconds: number): string {
  const short = shortDuration(seconds)
  return short ? t(short.unit, { n: short.n }) : duration(seconds)
}

export function clock(created: number): string {
  return new Date(1000 * created).toLocaleString(language.current, {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  })
}
