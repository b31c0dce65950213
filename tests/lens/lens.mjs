// The lens page in a real browser: node lens.mjs PAGE WANTED.json
// WANTED.json holds the results of torch and scipy, which the page must show.
import { readFileSync } from 'node:fs'
import { axeFaults, holds, onPage, same } from '../../web/tests/browser.mjs'

const [file, json] = process.argv.slice(2)
const wanted = JSON.parse(readFileSync(json, 'utf8'))

/** Equal to float32 accuracy, relative to the size of what was added up. */
function near(got, want, what, size = Math.abs(want)) {
  const tolerance = 4e-6 * Math.max(size, Math.abs(want)) + 1e-6
  holds(Math.abs(got - want) <= tolerance, `${what}: the page has ${got}, the forward pass ${want}`)
}

const number = async (page, selector, name = 'value') =>
  Number(await page.locator(selector).first().getAttribute(`data-${name}`))

async function select(page, probe) {
  await page.selectOption('#pick-layer', String(probe.layer))
  if (await page.locator('#pick-unit').count()) await page.selectOption('#pick-unit', String(probe.map))
  else if (probe.vector) await page.locator(`[data-layer="${probe.layer}"][data-map="${probe.map}"]`).first().click()
  else await page.locator(`[data-strip="${probe.map}"]`).click()
  if (probe.places > 1) {
    await page.locator('#place').evaluate((input, value) => {
      input.value = String(value)
      input.dispatchEvent(new Event('input', { bubbles: true }))
    }, probe.place)
  }
}

async function valuesAreThoseOfTheForwardPass(page) {
  for (const probe of wanted.probes) {
    await select(page, probe)
    const what = `${probe.name} map ${probe.map} place ${probe.place}`
    near(await number(page, '#total', 'recorded'), probe.value, `${what}, recorded`, probe.size)
    near(await number(page, '#total'), probe.value, `${what}, computed`, probe.size)
    if (!probe.terms) continue
    const terms = await page.$$eval('[data-term]', (nodes) =>
      nodes.map((node) => [Number(node.dataset.term), Number(node.dataset.value)]),
    )
    same(
      terms.map(([map]) => map),
      probe.terms.map(([map]) => map),
      `${what}, input maps`,
    )
    terms.forEach(([map, sum], i) => near(sum, probe.terms[i][1], `${what}, sum of input map ${map}`, probe.size))
    if (probe.bias !== null) near(await number(page, '#bias'), probe.bias, `${what}, bias`)
    if (probe.remainder !== null) near(await number(page, '#remainder'), probe.remainder, `${what}, rest`, probe.size)
  }
}

async function probabilitiesAreThoseOfPredict(page) {
  await page.selectOption('#pick-layer', String(wanted.output))
  const shown = await page.$$eval('[data-label]', (nodes) =>
    nodes.map((node) => [node.dataset.label, Number(node.dataset.value)]),
  )
  same(shown.length, Object.keys(wanted.probabilities).length, 'classes with a probability')
  for (const [label, value] of shown) near(value, wanted.probabilities[label], `probability of ${label}`, 1)
  near(await number(page, '#prediction-title', 'probability'), wanted.probability, 'the prediction', 1)
}

async function steppingAddsOneProductAtATime(page) {
  const probe = wanted.stepped
  await select(page, probe)
  await page.click('#step')
  for (let added = 0; added <= probe.partial.length - 1; added++) {
    near(await number(page, '#term-sum'), probe.partial[added], `sum after ${added} products`, probe.size)
    await page.click('#step')
  }
  await page.click('#all')
  await page.click('#play')
  await page.waitForTimeout(1300)
  await page.click('#play')
  holds((await page.locator('#pixel').innerText()).match(/[1-9] of \d+ products/), 'playing adds nothing')
  await page.click('#all')
}

async function theFilterSlides(page) {
  const probe = wanted.stepped
  await select(page, { ...probe, place: 0 })
  await page.locator('#pixel').focus()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowDown')
  same(await page.locator('#place').inputValue(), String(probe.width + 1), 'place after right and down')
  await page.click('#slide')
  await page.waitForTimeout(600)
  await page.click('#slide')
  holds(Number(await page.locator('#place').inputValue()) > probe.width + 1, 'the filter does not slide')
}

async function interactionIsFast(page) {
  await select(page, wanted.stepped)
  const milliseconds = await page.locator('#place').evaluate(async (input) => {
    const times = []
    for (let k = 0; k < 8; k++) {
      const start = performance.now()
      input.value = String((Number(input.value) + 1) % (Number(input.max) + 1))
      input.dispatchEvent(new Event('input', { bubbles: true }))
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
      times.push(performance.now() - start)
    }
    return Math.min(...times)
  })
  holds(milliseconds < 100, `moving the filter takes ${milliseconds} ms`)
}

async function shiftsAreMeasured(page) {
  await page.click('[data-shift="2"]')
  const shown = await page.$$eval('#network ol .number', (nodes) => nodes.map((node) => Number(node.dataset.value)))
  same(shown.length, wanted.layer_changes.length, 'layers in the chart of changes')
  shown.forEach((value, i) => near(value, wanted.layer_changes[i], `change of layer ${i}`, 100))
  await page.click('[data-shift="0"]')
}

async function checksAreShown(page) {
  const shown = await page.$$eval('article[data-method]', (nodes) =>
    nodes.map((node) => [
      node.dataset.method,
      node.dataset.faithful === 'true',
      node.querySelector('.check').textContent,
    ]),
  )
  same(
    shown.map(([method, faithful]) => [method, faithful]),
    wanted.faithful,
    'checks',
  )
  for (const [, faithful, text] of shown)
    holds(text.includes(faithful ? 'Faithful' : 'Not faithful'), `the check reads ${text}`)
}

async function theExamplePads(page) {
  same(await page.locator('#example-output').getAttribute('data-side'), '4', 'with padding')
  await page.click('#example-plain')
  same(await page.locator('#example-output').getAttribute('data-side'), '2', 'without padding')
  await page.click('#example-step')
}

async function thePlaygroundConvolves(page) {
  for (const { settings, kernel, values, height, width } of wanted.playground) {
    await page.selectOption('#p-ksize', String(settings.size))
    await page.selectOption('#p-kernel', settings.kernel)
    for (const [at, value] of Object.entries(kernel ?? {})) {
      await page.fill(`[data-cell="${at}"]`, String(value))
      await page.locator(`[data-cell="${at}"]`).blur()
    }
    await page.fill('#p-stride', String(settings.stride))
    await page.fill('#p-padding', String(settings.padding))
    await page.selectOption('#p-mode', settings.mode)
    if (settings.mode === 'constant') await page.fill('#p-value', String(settings.value))
    await page.setChecked('#p-flip', settings.flip)
    await page.selectOption('#p-activation', settings.activation)
    await page.selectOption('#p-pool', settings.pool)
    const what = JSON.stringify(settings)
    same(
      [await number(page, '#p-size', 'height'), await number(page, '#p-size', 'width')],
      [height, width],
      `size of ${what}`,
    )
    const got = JSON.parse(await page.locator('#p-values').getAttribute('data-values'))
    got.forEach((value, i) => near(value, values[i], `value ${i} of ${what}`, 255 * 20))
  }
  await page.selectOption('#p-pool', 'none')
  await page.selectOption('#p-ksize', '7')
  await page.fill('#p-padding', '0')
  await page.fill('#p-stride', '1')
  await page.setInputFiles('#p-file', {
    name: 'small.png',
    mimeType: 'image/png',
    buffer: Buffer.from(wanted.small, 'base64'),
  })
  await page.waitForSelector('#p-empty')
  const message = await page.locator('#p-empty').innerText()
  holds(message.includes('Padding 3'), `the message reads ${message}`)
  await page.fill('#p-padding', '3')
  same(
    [await number(page, '#p-size', 'height'), await number(page, '#p-size', 'width')],
    [4, 4],
    'the padding that keeps the size',
  )
  for (const typed of ['', '0', '-3']) {
    await page.fill('#p-stride', typed)
    same(await number(page, '#p-size', 'height'), 4, `height with stride '${typed}'`)
  }
}

async function bothLanguagesAndThemes(page) {
  same(await axeFaults(page), [], 'axe')
  await page.click('#language')
  same(await page.evaluate(() => document.documentElement.lang), 'ko', 'lang after the switch')
  holds((await page.locator('#network-title').innerText()).includes('신경망'), 'no Korean heading')
  same(await axeFaults(page), [], 'axe in Korean')
  await page.click('#theme')
  same(await axeFaults(page), [], 'axe after the theme is changed')
  await page.click('#language')
  await page.click('#theme')
}

async function itFitsAPhone(page) {
  const [inner, scroll] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth])
  holds(scroll <= inner, `the page is ${scroll} px wide on a phone of ${inner}`)
  await page.locator('#network .map').nth(4).click()
  same(await axeFaults(page), [], 'axe on a phone')
}

async function everyLayerOpens(page) {
  const layers = await page.$$eval('#pick-layer option', (nodes) => nodes.map((node) => node.value))
  let omitted = 0
  for (const layer of layers) {
    await page.selectOption('#pick-layer', layer)
    omitted += await page.locator('#omitted').count()
  }
  same(omitted, wanted.omitted, 'layers whose values are not on the page')
}

await onPage(file, async (page) => {
  await page.waitForSelector('h1')
  if (wanted.layersOnly) return everyLayerOpens(page)
  await theExamplePads(page)
  await valuesAreThoseOfTheForwardPass(page)
  await probabilitiesAreThoseOfPredict(page)
  if (wanted.stepped) {
    await steppingAddsOneProductAtATime(page)
    await theFilterSlides(page)
    await interactionIsFast(page)
  }
  await shiftsAreMeasured(page)
  await checksAreShown(page)
  if (wanted.playground) {
    await thePlaygroundConvolves(page)
    await bothLanguagesAndThemes(page)
  }
})
if (wanted.playground) {
  await onPage(file, itFitsAPhone, {
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    isMobile: true,
    hasTouch: true,
  })
}
