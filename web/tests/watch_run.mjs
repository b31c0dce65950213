// Opens and leaves the Train tab of a project as the lines of standard input say; used by a benchmark.
// usage: node watch_run.mjs URL PROJECT; `watch` opens the tab with its live views, `leave` an empty page
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

const [url, project] = process.argv.slice(2)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  await page.goto(url)
  await page.goto('about:blank')
  console.log('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'watch') {
      await page.goto(`${url.split('/?')[0]}/#/${project}/train`)
      await page.locator('.run').first().click()
      await page.waitForSelector('#live-maps canvas', { timeout: 60_000 })
    } else await page.goto('about:blank')
    console.log(line)
  }
} finally {
  await browser.close()
}
