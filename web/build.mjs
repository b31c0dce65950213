// Builds every page in pages/ into one self-contained file ../foveal/pages/<name>.html.
// `node build.mjs --check` fails when a committed file is not what the sources build to.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
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
  return withHashes(page.replace(/\n\s*\n/g, '\n'))
}

/** Fills in the hashes by which a page's policy allows its one script and its one style sheet. */
function withHashes(page) {
  const hashOf = (element) => {
    const content = page.match(new RegExp(`<${element}>([^]*?)</${element.split(' ')[0]}>`))[1]
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
  }
  if (!page.includes('__SCRIPT_HASH__')) return page
  return page.replace('__SCRIPT_HASH__', hashOf('script type="module"')).replace('__STYLE_HASH__', hashOf('style'))
}

/** The WebAssembly of ONNX Runtime Web lies beside the pages, packed: Python puts it into a page. */
const runtime = join(root, 'node_modules', 'onnxruntime-web', 'dist', 'ort-wasm-simd-threaded.wasm')
const packedRuntime = join(target, 'onnxruntime-web.wasm.gz')

/** Keeps the bundler from taking it in a second time, where the library names its file. */
const withoutRuntime = {
  name: 'without-runtime',
  transform: (code, id) =>
    id.includes('onnxruntime-web')
      ? code.replaceAll('new URL("ort-wasm-simd-threaded.wasm",import.meta.url)', 'new URL("data:,")')
      : null,
}

async function pageOf(name) {
  const built = await build({
    root: join(root, 'pages'),
    configFile: false,
    logLevel: 'warn',
    plugins: [svelte({ configFile: join(root, 'svelte.config.js') }), withoutRuntime],
    worker: { plugins: () => [withoutRuntime] },
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
if (!existsSync(packedRuntime) || !gunzipSync(readFileSync(packedRuntime)).equals(readFileSync(runtime))) {
  if (check) console.error(`${packedRuntime} is not the installed onnxruntime-web; run  npm run build  in web/`)
  else writeFileSync(packedRuntime, gzipSync(readFileSync(runtime), { level: 9 }))
  stale = check
}
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
