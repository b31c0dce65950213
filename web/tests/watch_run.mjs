// Opens the Train tab of a project and stays until its run is finished; used by a benchmark.
// usage: node watch_run.mjs URL PROJECT
import { chromium } from 'playwright-core'

const [url, project] = process.argv.slice(2)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  await page.goto(url)
  await page.goto(`${url.split('/?')[0]}/#/${project}/train`)
  await page.reload()
  await page.locator('.run .state.running').first().waitFor({ timeout: 60_000 })
  await page.locator('.run').first().click()
  await page.waitForSelector('#live-maps canvas', { timeout: 60_000 })
  // asked seldom: waitForSelector looks at every frame, which costs more than what is measured
  for (let left = 300; left && !(await page.$('[data-state=finished]')); left--) await page.waitForTimeout(2000)
} finally {
  await browser.close()
}
