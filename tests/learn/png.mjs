// node png.mjs VALUES.json FOLDER: the PNG file of each [height, width, red green and blue values] there.
import { readFileSync, writeFileSync } from 'node:fs'
import { load } from './load.mjs'

const { pngBytes } = await load('png.ts')
const [file, folder] = process.argv.slice(2)
for (const [height, width, values] of JSON.parse(readFileSync(file, 'utf8')))
  writeFileSync(`${folder}/${height}x${width}.png`, pngBytes(height, width, (at) => values.slice(3 * at, 3 * at + 3)))
