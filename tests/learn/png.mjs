// node png.mjs HEIGHT WIDTH VALUES.json: the PNG file of red, green and blue values, on standard output.
import { readFileSync } from 'node:fs'
import { load } from './load.mjs'

const { pngBytes } = await load('png.ts')
const [height, width] = process.argv.slice(2, 4).map(Number)
const values = JSON.parse(readFileSync(process.argv[4], 'utf8'))
process.stdout.write(pngBytes(height, width, (at) => values.slice(3 * at, 3 * at + 3)))
