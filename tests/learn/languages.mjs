// node languages.mjs PAGE: every chapter of a page built with the language xx, whose texts all begin with "xx ".
import { holds, onPage, same } from '../../web/tests/browser.mjs'

await onPage(process.argv[2], async (page) => {
  await page.click('[data-lang="xx"]')
  same(await page.evaluate(() => document.documentElement.lang), 'xx', 'language of the document')
  const ids = await page.$$eval('main ol a', (links) => links.map((link) => link.hash.slice(1)))
  holds(ids.length > 10, `${ids.length} chapters`)
  for (const id of ids) {
    await page.evaluate((hash) => (location.hash = hash), `#${id}`)
    await page.waitForSelector(`nav a[href="#${id}"][aria-current]`)
    const texts = await page.$$eval('main h1, main h2, main .prose p, main .note, main .sample .button', (all) =>
      all.map((one) => one.innerText.trim()),
    )
    holds(texts.length > 4, `${id} has ${texts.length} texts`)
    for (const text of texts) holds(text.startsWith('xx '), `a text of ${id} is not in the language: ${text}`)
    for (const text of await page.$$eval('main', (all) => all.map((one) => one.innerText)))
      holds(!/\{\w+\}/.test(text), `a value is missing in ${id}`)
  }
})
