// Builds every page in pages/ into one self-contained file ../foveal/pages/<name>.html.
// `node build.mjs --check` fails when a committed file is not what the sources build to.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { build } from 'vite'

const root = dirname(fileURLToPath(import.meta.url))
const target = join(root, '..', 'foveal', 'pages')
const check = process.argv.includes('--check')
const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'))

/** Puts the one script and the one style sheet of a page into its HTML. */
function inline(html, files) {
  let page = html
  for (const file of files) {
    if (file.type === 'chunk') {
      const tag = new RegExp(`\\s*<script[^>]*src="[^"]*${file.fileName}"[^>]*></script>`)
      page = page.replace(tag, '')
      const code = file.code.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')
      page = page.replace('</body>', () => `<script type="module">${code}</script>\n</body>`)
    } else if (file.fileName.endsWith('.css')) {
      const tag = new RegExp(`<link[^>]*href="[^"]*${file.fileName}"[^>]*>`)
      page = page.replace(tag, () => `<style>${String(file.source).trim()}</style>`)
    }
  }
  if (/<(script|link)[^>]*(src|href)="(?!data:)/.test(page)) throw new Error('a page is not self-contained')
  return page.replace(/\n\s*\n/g, '\n')
}

async function pageOf(name) {
  const built = await build({
    root: join(root, 'pages'),
    configFile: false,
    logLevel: 'warn',
    plugins: [svelte({ configFile: join(root, 'svelte.config.js') })],
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      assetsInlineLimit: 1 << 30,
      cssCodeSplit: false,
      rollupOptions: { input: join(root, 'pages', `${name}.html`), output: { codeSplitting: false } },
    },
  })
  const files = (Array.isArray(built) ? built[0] : built).output
  const html = files.find((file) => file.fileName.endsWith('.html'))
  return inline(
    String(html.source),
    files.filter((file) => file !== html),
  )
}

const names = readdirSync(join(root, 'pages'))
  .filter((file) => file.endsWith('.html'))
  .map((file) => file.slice(0, -5))
let stale = false
for (const name of names.filter((name) => wanted.length === 0 || wanted.includes(name))) {
  const page = await pageOf(name)
  const path = join(target, `${name}.html`)
  if (check) {
    const old = readFileSync(path, 'utf8')
    if (old !== page) {
      console.error(`${path} is not what web/ builds to; run  npm run build  in web/`)
      stale = true
    }
  } else {
    writeFileSync(path, page)
    console.log(`${name}.html ${(page.length / 1024).toFixed(0)} KiB`)
  }
}
process.exit(stale ? 1 : 0)
