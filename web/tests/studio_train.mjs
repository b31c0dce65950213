// The Network and Train tabs of a studio in a real browser: edit a network in both views, train it,
// reload in the middle, steer it from two pages, compare two runs.
// usage: node studio_train.mjs URL PROJECT
import { chromium } from 'playwright-core'
import { axeFaults, holds, same } from './browser.mjs'

const [url, project] = process.argv.slice(2)
const base = url.split('/?')[0]
const TINY = `input: {height: 8, width: 8, channels: 1}
layers:
  - conv: 8
  - batch_norm
  - relu
  - max_pool: 20
  - global_avg_pool
  - output: softmax
`
const faults = []

async function open(context, tab) {
  const page = await context.newPage()
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`))
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('response', async (response) => {
    if (response.status() >= 400) faults.push(`${response.url()}: ${await response.text().catch(() => '')}`)
  })
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(base))
      faults.push(`request: ${request.url()}`)
  })
  await page.goto(`${base}/#/${project}/${tab}`)
  return page
}
const verdict = (page) => page.locator('.verdict').textContent()
const layers = (page) => page.locator('.layer').count()
const stateOf = (page) => page.locator('#state').getAttribute('data-state')
const yamlHas = (page, text, wanted = true) =>
  page.waitForFunction(([part, has]) => document.querySelector('#yaml')?.value.includes(part) === has, [text, wanted])
const inState = (page, state) => page.waitForSelector(`[data-state=${state}]`, { timeout: 120_000 })
const stepOf = async (page) => Number((await page.locator('.bar dt').textContent()).replaceAll(',', '').match(/\d+/)[0])

async function editing(page) {
  await page.selectOption('#preset', 'preset swift-xs')
  await page.waitForSelector('.layer >> nth=5')
  await page.getByRole('button', { name: 'YAML' }).click()
  await page.fill('#yaml', TINY)
  await page.waitForSelector('.problem.error')
  const words = await page.locator('.layer', { hasText: 'max pooling' }).locator('.problem').textContent()
  holds(words.startsWith('Layer 4 (max_pool) has a 20x20 window, larger than its padded map'), words)
  holds(await page.locator('#train-this').isDisabled(), 'a wrong network cannot be trained')
  await page.fill('#yaml', TINY.replace('20', 'two'))
  await page.waitForSelector('text=/[Ll]ayer 4 .max_pool.: size received/')
  same(await page.locator('.layer .facts').count(), 3, 'layers before the wrong one keep shape and cost')
  holds((await page.locator('.layer').nth(3).textContent()).includes('field 3×3'), 'the last of them')
  await page.fill('#yaml', TINY.replace('20', '2'))
  await page.waitForFunction(() => document.querySelector('.verdict')?.textContent.includes('fits'))

  await page.locator('.layer[aria-selected=true]').focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  const channels = page.locator('.row', { hasText: 'channels' }).locator('input')
  same(await channels.inputValue(), '8', 'channels in the form')
  await channels.fill('12')
  await page.waitForFunction(() => document.querySelector('.totals dd')?.textContent === '262')
  await page.locator('.layer[aria-selected=true]').focus()
  await page.selectOption('#add-layer', 'dropout')
  same(await layers(page), 8, 'layers with a new one')
  await page.locator('.layer[aria-selected=true]').focus()
  await page.keyboard.press('Alt+ArrowDown')
  await page.getByRole('button', { name: 'YAML' }).click()
  await yamlHas(page, '- batch_norm\n  - dropout\n')
  await page.locator('.layer[aria-selected=true]').focus()
  await page.keyboard.press('Delete')
  await yamlHas(page, 'dropout', false)
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.locator('.layer', { hasText: 'dropout' }).waitFor()
  await yamlHas(page, 'dropout')
  await editWhileChecked(page)
  same(await axeFaults(page), [], 'axe on the Network tab')
  holds((await verdict(page)).length > 0, 'a verdict')
}

/** Holds the next check of a network; returns a function that lets it go and waits for its answer. */
async function holdCheck(page) {
  let go
  const held = new Promise((resolve) => (go = resolve))
  await page.route('**/api/network/check', (route) => held.then(() => route.continue()), { times: 1 })
  const asked = page.waitForRequest('**/api/network/check')
  return {
    asked,
    answer: async () => {
      go()
      await (await (await asked).response()).finished()
      await page.waitForTimeout(500) // what would follow the answer wrongly
    },
  }
}

/** What an edit made earlier is answered with, or is made of, replaces nothing that came after it. */
async function editWhileChecked(page) {
  const before = await page.inputValue('#yaml')
  const typed = before.replace('12', '14')
  holds(typed !== before, before)
  const layer = page.locator('.layer[aria-selected=true]')
  const ofDelete = await holdCheck(page)
  await layer.focus()
  await page.keyboard.press('Delete')
  await ofDelete.asked
  await page.fill('#yaml', typed)
  await ofDelete.answer()
  same(await page.inputValue('#yaml'), typed, 'what was typed while an edit was checked')
  const ofUndo = await holdCheck(page)
  await page.getByRole('button', { name: 'Undo' }).click()
  await ofUndo.asked
  await layer.focus()
  await page.keyboard.press('Delete') // the layers are still those before the undo
  await ofUndo.answer()
  same(await page.inputValue('#yaml'), before, 'what was undone')
  const kept = page.waitForRequest(
    (request) => request.postDataJSON()?.yaml === before && !/check$/.test(request.url()),
  )
  await page.fill('#yaml', `${before} `)
  await page.fill('#yaml', before)
  await (await kept).response()
}

async function start(page, amount, name) {
  await page.waitForSelector('#start')
  await page.fill('#amount', String(amount))
  await page.selectOption('#unit', 'epochs')
  await page.getByLabel('Name (optional)').fill(name)
  await page.click('#start')
  await page.waitForSelector('#state')
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' })
  context.setDefaultTimeout(120_000)
  const first = await context.newPage()
  await first.goto(url)
  await first.close()
  const page = await open(context, 'network')
  await editing(page)
  await page.reload()
  await page.waitForSelector('#train-this:not([disabled])')
  await page.click('#train-this')
  await start(page, 20000, '<b>first</b>')
  await page.waitForSelector('#live-maps canvas', { timeout: 120_000 })
  same(await axeFaults(page), [], 'axe on the Train tab')
  await page.selectOption('#live-layer', 'relu_1')
  await page.waitForFunction(() => document.querySelector('#live-maps canvas').dataset.count === '12')
  const asked = page.waitForResponse((response) => response.url().includes('image='))
  await page.getByRole('button', { name: 'Another image' }).click()
  same((await asked).status(), 200, 'the maps of another image')
  await page.click('#choose-image')
  await page.fill('#pick-name', '0123')
  await page.waitForFunction(() => document.querySelectorAll('[data-pick]').length === 1)
  same(await axeFaults(page), [], 'axe on the choice of an image')
  const wanted = await page.locator('[data-pick]').getAttribute('data-pick')
  const chosen = page.waitForResponse((response) => response.url().includes(`image=${wanted}`))
  await page.locator('[data-pick]').press('Enter')
  same((await chosen).status(), 200, 'the maps of the image that was chosen')
  await page.waitForSelector('dialog', { state: 'detached' })

  const before = await stepOf(page)
  await page.reload()
  await page.waitForSelector('.bar dt')
  same(await stateOf(page), 'running', 'after a reload')
  await page.waitForFunction(
    (known) => Number(document.querySelector('.bar dt').textContent.replaceAll(',', '').match(/\d+/)[0]) > known,
    before,
  )
  const second = await open(context, 'train')
  await inState(second, 'running')
  await second.click('#pause')
  await inState(page, 'paused')
  same(await page.locator('h2', { hasText: '<b>first</b>' }).count(), 1, 'a name is text')
  await page.click('#resume')
  await inState(second, 'running')
  await page.waitForSelector('#stop:not([disabled])')
  await page.click('#stop')
  await inState(second, 'finished')
  await inState(page, 'finished')

  await page.click('#new-run')
  await start(page, 1, 'second')
  await page.waitForSelector('h2:text("second")')
  await inState(page, 'finished')
  await page.selectOption('#compare', { index: 1 })
  await page.waitForSelector('#difference', { timeout: 120_000 })
  holds(/points, 95 % interval .* images/.test(await page.locator('#difference').textContent()), 'a difference')
  same(await axeFaults(page), [], 'axe on the comparison')
  if (faults.length) throw new Error(faults.join('\n'))
} finally {
  await browser.close()
}
