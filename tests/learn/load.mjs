// Modules of the learn page, bundled from their TypeScript and imported here.
import { dirname, join } from 'node:path'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const web = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'web')
const { build } = await import(pathToFileURL(createRequire(join(web, 'build.mjs')).resolve('vite')).href)

/** The module web/src/learn/`path`. */
export async function load(path) {
  const built = await build({
    root: web,
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      lib: { entry: join(web, 'src/learn', path), formats: ['es'] },
    },
  })
  const { code } = (Array.isArray(built) ? built[0] : built).output[0]
  return import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)
}
