// The check page in a real browser: node check.mjs PAGE DATA.json
// PAGE was rendered from DATA.json: every finding, count and thumbnail on it must be the data's own.
import { readFileSync } from 'node:fs'
import { axeFaults, onPage, same } from './browser.mjs'

const [file, json] = process.argv.slice(2)
const data = JSON.parse(readFileSync(json, 'utf8'))

async function findingsAreTheData(page) {
  const texts = await page.$$eval('section > p[lang="en"]', (nodes) => nodes.map((node) => node.textContent))
  same(
    texts,
    data.findings.map((finding) => finding.advice),
    'advice',
  )
  const images = await page.$$eval('section img', (nodes) =>
    nodes.map((node) => [node.complete, node.naturalWidth > 0]),
  )
  const paths = data.findings.flatMap((finding) =>
    finding.kind === 'unusable' ? [] : [...finding.pairs.flat(), ...finding.files],
  )
  same(
    images,
    paths.filter((path) => path in data.thumbnails).map(() => [true, true]),
    'thumbnails',
  )
  const counts = await page.$$eval('tbody tr', (rows) =>
    rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
  )
  same(
    counts,
    [...data.classes, ...data.splits].map(([name, count]) => [name, count.toLocaleString('en-US')]),
    'counts',
  )
}

await onPage(file, async (page) => {
  await findingsAreTheData(page)
  same(await axeFaults(page), [], 'axe')
  await page.click('#language')
  same(await page.evaluate(() => document.documentElement.lang), 'ko', 'language')
  same(await page.textContent('h1'), `${data.name} 검사`, 'title')
  await page.click('#theme')
  same(await axeFaults(page), [], 'axe in the other theme')
})
await onPage(file, async (page) => same(await axeFaults(page), [], 'axe on a phone'), {
  viewport: { width: 360, height: 740 },
})
console.log('ok')
