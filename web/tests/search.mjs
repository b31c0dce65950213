// The search page in a real browser: node search.mjs PAGE DATA.json
// PAGE was rendered from DATA.json: every trial and figure on it must be the data's own.
import { readFileSync } from 'node:fs'
import { axeFaults, holds, onPage, same } from './browser.mjs'

const [file, json] = process.argv.slice(2)
const data = JSON.parse(readFileSync(json, 'utf8'))
const trialOf = (number) => data.trials.find((trial) => trial.number === number)
const best = trialOf(data.best)
const drawn = data.trials.filter((trial) => trial.val_accuracy !== null)
const percent = (value) => `${(100 * value).toFixed(2)} %`

async function figuresAreTheData(page) {
  const figures = await page.$$eval('data[data-key]', (nodes) => nodes.map((node) => [node.dataset.key, node.value]))
  const wanted = [
    ...(data.refit ? [['refit', String(data.refit.val_accuracy)]] : []),
    ['best', String(best.val_accuracy)],
    ['default', String(trialOf(data.default).val_accuracy)],
    ...data.importances.map(([, share], index) => [`importances.${index}.1`, String(share)]),
  ]
  same(figures, wanted, 'figures')
  same(await page.textContent('#command'), data.command, 'command')
  const sentence = await page.textContent('#gain')
  same(sentence.toLowerCase(), `${data.gain}.`.toLowerCase(), 'sentence on the gain')
  same(await page.locator('#parallel svg[role=img] .hit').count(), drawn.length, 'lines of trials')
  const curves = data.trials.filter((trial) => trial.curve.length)
  same(await page.locator('#curves svg[role=img] .hit').count(), curves.length, 'curves')
  const rows = await page.$$eval('#trials tbody tr', (nodes) => nodes.map((node) => Number(node.dataset.trial)))
  same(
    rows.toSorted((a, b) => a - b),
    data.trials.map((trial) => trial.number),
    'rows of trials',
  )
}

async function everyLineEndsAtItsAccuracy(page) {
  const ends = await page.$$eval('#parallel .hit', (lines) =>
    lines.map((line) => Number(line.getAttribute('points').split(',').at(-1))),
  )
  const span = (values) => Math.max(...values) - Math.min(...values)
  holds(
    span(ends) > 100 || span(drawn.map((trial) => trial.val_accuracy)) === 0,
    'lines do not spread over the accuracy axis',
  )
}

/** The arrow keys go through the trials of the table, and the drawings follow. */
async function keysSelectTrials(page) {
  const rows = await page.$$eval('#trials tbody tr', (nodes) => nodes.map((node) => Number(node.dataset.trial)))
  const captions = () => page.$$eval('.selection strong', (nodes) => nodes.map((node) => node.textContent))
  same(new Set(await captions()).size, 1, 'captions')
  await page.locator('#trials input:checked').focus()
  same(await page.locator('#trials input:focus').inputValue(), String(data.best), 'the best is selected first')
  await page.keyboard.press('ArrowDown')
  const next = rows[(rows.indexOf(data.best) + 1) % rows.length]
  for (const caption of await captions()) same(caption, `trial ${next}`, 'caption after an arrow key')
  if (trialOf(next).val_accuracy !== null) {
    const text = await page.locator('#parallel .selection').innerText()
    holds(text.includes(percent(trialOf(next).val_accuracy)), `no accuracy in ${text}`)
  }
  same(
    await page.locator('#parallel polyline.line.selected').count(),
    Number(drawn.includes(trialOf(next))),
    'emphasis',
  )
}

async function bothLanguages(page) {
  await page.click('#language')
  same(await page.evaluate(() => document.documentElement.lang), 'ko', 'language')
  same(await page.textContent('h1'), `${data.name} 하이퍼파라미터 탐색`, 'title')
  if (data.selection && data.best !== data.default) {
    const figures = (await page.textContent('#gain')).match(/-?\d+\.\d\d/g)
    same(figures, data.gain.match(/-?\d+\.\d\d/g), 'figures of the Korean sentence')
  }
  same(await axeFaults(page), [], 'axe in Korean')
  await page.click('#theme')
  same(await axeFaults(page), [], 'axe in the other theme')
}

await onPage(file, async (page) => {
  await page.waitForSelector('h1')
  await figuresAreTheData(page)
  await everyLineEndsAtItsAccuracy(page)
  same(await axeFaults(page), [], 'axe')
  await keysSelectTrials(page)
  await bothLanguages(page)
  holds(!/NaN|undefined|Infinity|\[object/.test(await page.locator('main').innerHTML()), 'a NaN or the like is drawn')
})

await onPage(
  file,
  async (page) => {
    await page.waitForSelector('h1')
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    holds(wide <= 0, `the page is ${wide} px wider than a phone`)
    same(await axeFaults(page), [], 'axe on a dark phone')
  },
  { viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
)
console.log('ok')
