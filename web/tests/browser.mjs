// Opens a built page in chromium and tells what went wrong on it; used by every browser test.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Runs `act(page)` on the page in `file`; throws on any error, warning of the policy or request. */
export async function onPage(file, act, { args = [], ...options } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', ...args],
  })
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    reducedMotion: 'reduce',
    ...options,
  })
  context.setDefaultTimeout(120_000) // of a busy machine
  const faults = []
  const page = await context.newPage()
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`))
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  const home = `file://${file}`
  page.on('request', (request) => {
    const url = request.url()
    if (url !== home && !url.startsWith('data:') && !url.startsWith('blob:') && !url.startsWith(`${home}#`))
      faults.push(`request: ${url.slice(0, 200)}`)
  })
  try {
    await page.goto(home, { waitUntil: 'load' })
    await act(page)
    if (faults.length) throw new Error(faults.join('\n'))
  } finally {
    await browser.close()
  }
}

/** Serious and critical faults axe finds, as short texts. */
export async function axeFaults(page) {
  if (!(await page.evaluate(() => 'axe' in window)))
    await page.evaluate(`(() => { const module = undefined, exports = undefined, define = undefined; ${axe} })()`)
  return page.evaluate(async () => {
    const found = await window.axe.run(document, { resultTypes: ['violations'] })
    return found.violations
      .filter((fault) => fault.impact === 'serious' || fault.impact === 'critical')
      .map(
        (fault) =>
          `${fault.id}: ${fault.nodes
            .slice(0, 3)
            .map((node) => `${node.target} ${node.failureSummary}`)
            .join(' | ')}`,
      )
  })
}

export function same(got, wanted, what) {
  if (JSON.stringify(got) !== JSON.stringify(wanted))
    throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`)
}

export function holds(condition, what) {
  if (!condition) throw new Error(what)
}
