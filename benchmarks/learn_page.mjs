// What benchmarks/learn_page.py runs: node learn_page.mjs PAGE interactions|training|load; JSON on standard output.
import { createRequire } from 'node:module'
const { chromium } = createRequire(new URL('../web/build.mjs', import.meta.url))('playwright-core')

const [file, what] = process.argv.slice(2)
const home = `file://${file}`
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' })

/** In the page: every control of a chapter moved through its values; milliseconds until the frame that shows it. */
async function moveEverything() {
  const painted = () =>
    new Promise((done) =>
      requestAnimationFrame(() => {
        const channel = new MessageChannel()
        channel.port1.onmessage = () => done()
        channel.port2.postMessage(0)
      }),
    )
  const found = []
  const timed = async (name, act) => {
    await painted()
    const start = performance.now()
    act()
    await painted()
    found.push({ name, ms: performance.now() - start })
  }
  const sliders = document.querySelectorAll('main .work input[type=range], main .controls input[type=range]')
  for (const slider of new Set(sliders)) {
    const [low, high, old] = [Number(slider.min), Number(slider.max), slider.value]
    for (const value of [low, (low + high) / 2, high, old]) {
      await timed(slider.id || slider.dataset.field, () => {
        slider.value = String(value)
        slider.dispatchEvent(new Event('input', { bubbles: true }))
      })
    }
  }
  for (const button of document.querySelectorAll('main [role=group] button[data-value], main [data-digit]')) {
    if (button.isConnected) await timed(button.parentElement.id || 'digit', () => button.click())
  }
  return found
}

async function interactions() {
  await page.goto(home)
  const ids = await page.$$eval('main ol a', (links) => links.map((link) => link.hash))
  const found = {}
  for (const id of ids) {
    await page.evaluate((hash) => (location.hash = hash), id)
    await page.waitForSelector(`nav a[href="${id}"][aria-current]`)
    await page.waitForTimeout(150)
    const all = await page.evaluate(moveEverything)
    all.sort((a, b) => b.ms - a.ms)
    found[id.slice(1)] = { n: all.length, median: all[all.length >> 1].ms, largest: all[0].ms, control: all[0].name }
  }
  return found
}

async function training() {
  await page.goto(`${home}#network`)
  await page.click('#train')
  await page.waitForFunction(() => document.querySelector('#status').dataset.running === 'false', null, { timeout: 60e3 })
  const of = (selector, name) => page.$eval(selector, (node, key) => Number(node.dataset[key]), name)
  return { seconds: await of('#status', 'seconds'), accuracy: await of('#accuracy', 'value') }
}

async function load() {
  await page.goto(home)
  await page.waitForSelector('main h1')
  const paint = await page.evaluate(
    () =>
      new Promise((done) =>
        new PerformanceObserver((list) => done(list.getEntries()[0].startTime)).observe({
          type: 'paint',
          buffered: true,
        }),
      ),
  )
  return { first_paint_ms: paint }
}

console.log(JSON.stringify(await { interactions, training, load }[what]()))
await browser.close()
