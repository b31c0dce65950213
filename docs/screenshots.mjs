// Images of the pages for the documents: node screenshots.mjs LENS REPORT LEARN FOLDER
import { join, resolve } from 'node:path'
import { chromium } from '../web/node_modules/playwright-core/index.mjs'

const [lens, report, learn, folder] = process.argv.slice(2)
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })

/** Opens a page; `act(page)` brings it into the state wanted and gives the element to image. */
async function image(file, name, size, act) {
  const context = await browser.newContext({ viewport: size, reducedMotion: 'reduce', colorScheme: 'light', locale: 'en-US' })
  const page = await context.newPage()
  await page.goto(`file://${resolve(file)}`)
  await page.addStyleTag({ content: 'header { position: static !important }' })
  const element = await act(page)
  await element.scrollIntoViewIfNeeded()
  await page.waitForTimeout(500)
  await element.screenshot({ path: join(folder, `${name}.png`) })
  await context.close()
}

await image(lens, 'lens', { width: 1120, height: 1400 }, async (page) => page.locator('#network'))
await image(lens, 'lens-number', { width: 1120, height: 1600 }, async (page) => {
  await page.selectOption('#pick-layer', { index: 4 })
  return page.locator('#pixel')
})
await image(lens, 'lens-pixels', { width: 1120, height: 1400 }, async (page) => page.locator('#attributions'))
await image(report, 'report', { width: 1120, height: 1400 }, async (page) => page.locator('#overview'))
await image(report, 'report-confusion', { width: 1000, height: 1400 }, async (page) => page.locator('#confusion'))
await image(learn, 'learn', { width: 1180, height: 800 }, async (page) => {
  await page.waitForSelector('#learning[data-running=false]')
  return page.locator('.first')
})
await browser.close()
