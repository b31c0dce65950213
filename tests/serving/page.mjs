// The page of a running server in a real browser: node page.mjs URL TOKEN IMAGE BROKEN PREDICTION
// PREDICTION is the server's own response for IMAGE as JSON; the camera is chromium's test image.
import { createRequire } from 'node:module'
import { axeFaults, holds, same } from '../../web/tests/browser.mjs'

const { chromium } = createRequire(new URL('../../web/package.json', import.meta.url))('playwright-core')
const [url, token, image, broken, json] = process.argv.slice(2)
const expected = JSON.parse(json)

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
})
const faults = []

async function open(locale, options = {}) {
  const context = await browser.newContext({ locale, reducedMotion: 'reduce', permissions: ['camera'], ...options })
  context.setDefaultTimeout(120_000) // of a busy machine
  const page = await context.newPage()
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('console', (message) => /Content.Security/i.test(message.text()) && faults.push(message.text()))
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('blob:')) faults.push(`request: ${request.url()}`)
  })
  await page.goto(url)
  return page
}

try {
  const page = await open('en-US')
  same(await page.locator('html').getAttribute('lang'), 'en', 'language')
  same(await axeFaults(page), [], 'accessibility faults before a prediction')

  await page.setInputFiles('#file', image)
  await page.waitForSelector('#error')
  holds(
    (await page.locator('#error').textContent()).includes('this server requires a bearer token'),
    'requires a token',
  )

  await page.fill('#token', token)
  await page.setInputFiles('#file', image)
  await page.waitForSelector('#label')
  holds((await page.locator('#label').textContent()).includes(expected.label), 'the label')
  same(
    await page.$$eval('tbody th', (cells) => cells.map((cell) => cell.textContent)),
    expected.top.map((one) => one.label),
    'the order',
  )
  const percent = (100 * expected.probability).toFixed(1)
  holds((await page.locator('#label').textContent()).includes(`${percent} %`), `the probability ${percent}`)
  same(await axeFaults(page), [], 'accessibility faults with a prediction')

  let resume
  const paused = new Promise((resolve) => {
    resume = resolve
  })
  await page.route('**/explain*', async (route) => {
    await paused
    await route.continue()
  })
  await page.click('#explain')
  await page.waitForSelector('#explain', { state: 'detached' })
  await page.setInputFiles('#file', image)
  await page.waitForSelector('#explain')
  const lateResponse = page.waitForResponse('**/explain*')
  resume()
  await (await lateResponse).finished()
  await page.waitForTimeout(200)
  same(await page.locator('a[href^="blob:"]').count(), 0, 'explanations of the image before')
  await page.click('#explain')
  await page.waitForSelector('a[href^="blob:"]')

  await page.setInputFiles('#file', broken)
  await page.waitForSelector('#error')
  holds((await page.locator('#label').count()) === 0, 'no prediction stays beside an error')

  await page.click('#camera')
  await page.waitForFunction(() => document.querySelector('video')?.videoWidth > 0)
  await page.click('.camera .main')
  await page.waitForSelector('#label')
  holds((await page.locator('tbody tr').count()) === expected.top.length, 'a prediction for the camera')

  const korean = await open('ko-KR', { colorScheme: 'dark', viewport: { width: 360, height: 700 } })
  same(await korean.locator('html').getAttribute('lang'), 'ko', 'language')
  same(await korean.locator('h1').textContent(), '이미지 분류', 'heading')
  same(await axeFaults(korean), [], 'accessibility faults in Korean, dark, narrow')
  holds(await korean.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'fits a phone')
  await korean.click('#language')
  same(await korean.locator('h1').textContent(), 'Classify an image', 'heading')
  same(faults, [], 'faults')
} finally {
  await browser.close()
}
