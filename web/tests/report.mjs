// The report page in a real browser: node report.mjs PAGE DATA.json [KIND]
// PAGE was rendered from DATA.json: every figure on it must be the data's own.
import { readFileSync } from 'node:fs'
import { axeFaults, holds, onPage, same } from './browser.mjs'

const [file, json] = process.argv.slice(2)
const data = JSON.parse(readFileSync(json, 'utf8'))
const multi = data.task === 'multi'

/** data["classes"]["a.b"]["recall"] by "classes.a.b.recall": names may hold dots. */
function at(value, key) {
  if (value === null || typeof value !== 'object') return undefined
  if (key in value) return value[key]
  for (let dot = key.indexOf('.'); dot > 0; dot = key.indexOf('.', dot + 1)) {
    if (key.slice(0, dot) in value) {
      const found = at(value[key.slice(0, dot)], key.slice(dot + 1))
      if (found !== undefined) return found
    }
  }
  return undefined
}

async function figuresAreTheData(page) {
  const figures = await page.$$eval('data[data-key]', (nodes) =>
    nodes.map((node) => [node.dataset.key, node.value, node.textContent]),
  )
  holds(figures.length > 10, `only ${figures.length} figures on the page`)
  for (const [key, value, text] of figures) {
    const expected = at(data, key)
    same(value === '' ? null : Number(value), expected, `figure ${key}`)
    if (expected === null) continue
    const shown = Number(text.replaceAll(',', '').replace(' %', '')) / (text.includes('%') ? 100 : 1)
    holds(
      Math.abs(shown - expected) <= 0.005 || Math.abs(shown / expected - 1) < 0.01,
      `${key} shows ${text} for ${expected}`,
    )
  }
  if (multi) return
  const cells = await page.$$eval('[data-cell]', (nodes) =>
    nodes.map((node) => [node.dataset.cell, Number(node.textContent)]),
  )
  for (const [cell, count] of cells) {
    const [row, column] = cell.split(',').map(Number)
    same(count, data.confusion[row][column], `cell ${cell}`)
  }
  const filled = data.confusion.flat().filter(Boolean).length
  if (data.labels.length <= 24) same(cells.length, filled, 'cells of the matrix')
  else holds(cells.length > 24, 'the matrix of many classes is empty')
}

async function matrixOpensImages(page) {
  const cell = page.locator('[data-cell]').first()
  const [row, column] = (await cell.getAttribute('data-cell')).split(',').map(Number)
  await cell.focus()
  await page.keyboard.press('Enter')
  await page.waitForSelector('dialog[open] li')
  const shown = await page.locator('dialog[open] li').count()
  const expected = data.images.path.filter((_, i) => data.images.true[i] === row && data.images.predicted[i] === column)
  same(shown, Math.min(36, expected.length), 'images of the cell')
  const sizes = await page.$$eval('dialog[open] img', (images) => images.map((image) => image.naturalWidth))
  holds(sizes.length > 0 && sizes.every((size) => size > 0), 'a thumbnail does not load')
  same(await axeFaults(page), [], 'axe on the open cell')
  await page.keyboard.press('Escape')
  holds(!(await page.locator('dialog[open]').count()), 'Escape does not close the images')
}

async function sliderChangesNumbers(page) {
  const figures = () => page.locator('#coverage-figures').innerText()
  const before = await figures()
  await page.locator('#coverage').focus()
  await page.keyboard.press('End')
  holds((await figures()) !== before, 'the slider changes nothing')
  const last = data.coverage_curve.at(-1)
  const keys = await page.$$eval('#coverage-figures data', (nodes) => nodes.map((node) => Number(node.value)))
  same(
    keys,
    [last.threshold, last.coverage, last.accuracy, last.accuracy_lower_bound],
    'figures at the end of the slider',
  )
}

async function bothLanguages(page) {
  const english = await page.locator('h2#classes-title').innerText()
  await page.click('#language')
  same(await page.evaluate(() => document.documentElement.lang), 'ko', 'lang after the switch')
  const korean = await page.locator('h2#classes-title').innerText()
  same([english, korean].sort(), ['Classes', '클래스'].sort(), 'headings')
  const notices = await page.$$eval('.notes li[lang]', (items) => items.map((item) => item.textContent))
  const known = [
    ['the epoch', '에포크와 온도를 val 이미지 44장으로만 골라 근거가 약합니다.'],
    [
      'layer 2 (conv)',
      '층 2(conv): 스트라이드(3×3)가 윈도우(2×2)보다 커서 윈도우 사이의 칸을 건너뜁니다. 스트라이드를 윈도우보다 크지 않게 하세요.',
    ],
  ]
  const wanted = data.notices.map((text) => known.find(([start]) => text.startsWith(start))?.[1] ?? text)
  same(notices, wanted, 'notices in Korean, where there is one')
  same(await axeFaults(page), [], 'axe in Korean')
  await page.click('#language')
}

await onPage(file, async (page) => {
  await page.waitForSelector('h1')
  await figuresAreTheData(page)
  same(await axeFaults(page), [], 'axe')
  if (!multi) await matrixOpensImages(page)
  await sliderChangesNumbers(page)
  await bothLanguages(page)
  holds(!/NaN|undefined|Infinity|\[object/.test(await page.locator('main').innerText()), 'a NaN or the like is shown')
})

await onPage(
  file,
  async (page) => {
    await page.waitForSelector('h1')
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    holds(wide <= 0, `the page is ${wide} px wider than a phone`)
    same(await axeFaults(page), [], 'axe on a dark phone')
  },
  { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
)
console.log('ok')
