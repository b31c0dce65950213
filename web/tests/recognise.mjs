// The exported page in a real browser: node recognise.mjs PAGE IMAGE BROKEN PREDICTION
// PREDICTION is what Foveal says of IMAGE, as JSON; the camera is chromium's test image.
import { readFileSync } from 'node:fs'
import { axeFaults, holds, onPage, same } from './browser.mjs'

const [file, image, broken, json] = process.argv.slice(2)
const expected = JSON.parse(json)
const camera = {
  args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  permissions: ['camera'],
}

async function isTheAnswer(page, how) {
  await page.waitForSelector('#label')
  holds((await page.textContent('#label')).includes(expected.label), `the label, ${how}`)
  same(
    await page.$$eval('tbody th', (cells) => cells.map((cell) => cell.textContent)),
    expected.top.map((one) => one.label),
    `the order, ${how}`,
  )
  const shown = `${(100 * expected.probability).toFixed(expected.probability > 0.995 ? 2 : 1)} %`
  holds((await page.textContent('#label')).includes(shown), `the probability ${shown}, ${how}`)
}

/** Drop or paste, as the browser would report it. */
async function give(page, kind) {
  const bytes = readFileSync(image).toString('base64')
  await page.evaluate(
    ([kind, bytes]) => {
      const content = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0))
      const data = new DataTransfer()
      data.items.add(new File([content], 'image.png', { type: 'image/png' }))
      const event =
        kind === 'drop'
          ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
          : new ClipboardEvent('paste', { clipboardData: data, bubbles: true })
      document.body.dispatchEvent(event)
    },
    [kind, bytes],
  )
}

await onPage(
  file,
  async (page) => {
    same(await page.evaluate(() => document.documentElement.lang), 'ko', 'language')
    await page.waitForFunction(() => document.querySelector('#self-test')?.textContent.includes('통과'))
    same(await axeFaults(page), [], 'axe before an image')
    await page.setInputFiles('#file', image)
    await isTheAnswer(page, 'chosen')
    same(await axeFaults(page), [], 'axe with a prediction')
    await page.click('#language')
    same(await page.textContent('h1'), 'Recognise an image', 'title')
    for (const kind of ['drop', 'paste']) {
      await page.setInputFiles('#file', broken)
      await page.waitForSelector('#error')
      holds((await page.textContent('#error')).includes('not an image file that is read here'), 'the reason')
      same(await page.locator('#label').count(), 0, 'predictions beside an error')
      await give(page, kind)
      await isTheAnswer(page, kind)
      same(await page.locator('#error').count(), 0, 'errors beside a prediction')
    }
    await page.click('#theme')
    for (const summary of await page.$$('summary')) await summary.click()
    same(await axeFaults(page), [], 'axe in the other theme, all open')

    await page.click('#camera')
    await page.waitForFunction(() => parseFloat(document.querySelector('#rate')?.textContent) > 0)
    same(await axeFaults(page), [], 'axe with the camera')
    await page.click('.camera .main')
    await page.waitForSelector('.result img')
    await page.waitForSelector('#label')
    same(await page.locator('video').count(), 0, 'the camera after a photo')
  },
  camera,
)
await onPage(
  file,
  async (page) => {
    holds(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'fits a phone')
    for (const id of ['language', 'theme', 'file', 'camera']) {
      await page.keyboard.press('Tab')
      same(await page.evaluate(() => document.activeElement.id), id, 'the order of the keyboard')
    }
    await page.setInputFiles('#file', image)
    await isTheAnswer(page, 'on a phone')
    holds(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'fits a phone with a result')
    same(await axeFaults(page), [], 'axe on a phone')
  },
  { viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
)
console.log('ok')
