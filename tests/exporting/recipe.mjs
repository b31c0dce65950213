// The recipe for onnxruntime-web in a real browser: node recipe.mjs URL; prints the page's text.
import { createRequire } from 'node:module'

const { chromium } = createRequire(new URL('../../web/package.json', import.meta.url))('playwright-core')
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
try {
  const page = await browser.newPage()
  page.on('pageerror', (error) => console.error(error.message))
  page.on('console', (message) => console.error(message.text()))
  await page.goto(process.argv[2])
  await page.waitForFunction(() => document.body.textContent.trim() !== '', null, { timeout: 60000 })
  console.log(await page.locator('body').textContent())
} finally {
  await browser.close()
}
