// Walks a studio and takes its images: node screenshots_studio.mjs URL IMAGE_FOLDER OUT_FOLDER
import { join } from 'node:path'
import { chromium } from '../web/node_modules/playwright-core/index.mjs'

const [url, images, folder] = process.argv.slice(2)
const NETWORK = `input: {height: 48, width: 48, channels: 3}
layers:
  - conv: 16
  - batch_norm
  - relu
  - max_pool: 2
  - conv: 32
  - batch_norm
  - relu
  - max_pool: 2
  - conv: 64
  - batch_norm
  - relu
  - global_avg_pool
  - output: softmax
`
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', colorScheme: 'light', locale: 'en-US' })
context.setDefaultTimeout(300_000)
const page = await context.newPage()
const take = async (name) => {
  await page.waitForTimeout(2000)
  await page.screenshot({ path: join(folder, `${name}.png`) })
}

await page.goto(url)
await page.fill('#project-name', 'Shapes')
await page.keyboard.press('Enter')
await page.click('#by-path')
await page.fill('#path', images)
await page.keyboard.press('Enter')
await page.waitForSelector('[role=gridcell]')
const project = new URL(page.url()).hash.split('/')[1]
await page.evaluate(
  ([path, body]) =>
    fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  [`/api/projects/${project}/runs`, { name: 'small', network: NETWORK, epochs: 30 }],
)
await page.click('nav a[href$=train]')
await page.waitForSelector('[data-state=finished]')
await page.selectOption('#live-layer', 'conv_1')
await page.waitForSelector('#live-maps')
await take('studio-train')
await page.click('nav a[href$=data]')
await page.waitForSelector('#predictions')
await page.selectOption('#predictions', { index: 1 })
await page.click('#differing')
await take('studio')
await browser.close()
