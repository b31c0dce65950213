// Sentences in the JSON list on standard input with the particles that the pages give them.
import { text } from 'node:stream/consumers'
import { load } from '../learn/load.mjs'

const { withParticles } = await load('../shared/particles.ts')
const asTheyAre = (part) => part
const given = JSON.parse(await text(process.stdin))
console.log(JSON.stringify(given.map((template) => withParticles(template, asTheyAre))))
