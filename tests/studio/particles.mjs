// Sentences in the JSON list on standard input with the particles that the pages give them.
import { text } from 'node:stream/consumers'
import { load } from '../learn/load.mjs'

const { withParticles } = await load('../shared/particles.ts')
console.log(JSON.stringify(JSON.parse(await text(process.stdin)).map(withParticles)))
