// Particles of Korean, which depend on the sound before them: 을(를), 이(가), 은(는), 과(와), (으)로.

/** As tables write it -> after a final consonant, after a vowel. */
const PARTICLES: Record<string, readonly [consonant: string, vowel: string]> = {
  '을(를)': ['을', '를'],
  '이(가)': ['이', '가'],
  '은(는)': ['은', '는'],
  '과(와)': ['과', '와'],
  '(으)로': ['으로', '로'],
}
const WRITTEN = /(을\(를\)|이\(가\)|은\(는\)|과\(와\)|\(으\)로)/
/** What stands between a word and its particle and is not read: closing quotes, a remark in parentheses. */
const UNREAD = /(?:\([^()]*\)|["'”’\]])+$/
/** Characters before a particle that are looked at. */
const MOST_READ = 100
/** How the digits end when they are read (영, 일, 이, ...): in a consonant, in ㄹ, in a vowel. */
const DIGITS = 'cLvcvvcLLv'

type Ending = 'consonant' | 'ㄹ' | 'vowel' | undefined

/** How a word of Latin letters ends as Korean reads it: 애플, 폰, 드레스; undefined as of cat, read 캣, and set, read 세트. */
function latinEnding(letters: string): Ending {
  const word = letters.toLowerCase()
  if (!/[aeiouy]/.test(word)) return /[lr]$/.test(word) ? 'ㄹ' : /[mn]$/.test(word) ? 'consonant' : 'vowel' // 에이치티엠엘
  if (letters.endsWith('R')) return undefined // OCR is read 오시알, TENSOR 텐서
  if (/le?$/.test(word)) return 'ㄹ'
  if (/(ng|[mn]|[aeiouy][mn]+e)$/.test(word)) return 'consonant'
  return /([bcgjq]|[aeiouytp][pt]|[aeiouyc]k)$/.test(word) ? undefined : 'vowel'
}

/** How the last sound of a word ends; undefined where that is not known. */
function ending(word: string): Ending {
  const last = word.at(-1) ?? ''
  const latin = /[A-Z]{2,}$/.exec(word) ?? /[A-Za-z]+$/.exec(word)
  if (latin) return latinEnding(latin[0])
  if (/\d/.test(last))
    return ({ c: 'consonant', L: 'ㄹ', v: 'vowel' } as const)[DIGITS[Number(last)] as 'c' | 'L' | 'v']
  if (last === '%') return 'vowel'
  if (!/[가-힣]/.test(last)) return undefined
  const final = (last.charCodeAt(0) - '가'.charCodeAt(0)) % 28
  return final === 0 ? 'vowel' : final === 8 ? 'ㄹ' : 'consonant'
}

/** A particle as the sound at the end of `before` asks for; where that is not known both stay. */
function particle(written: string, before: string): string {
  const sound = ending(before.slice(-MOST_READ).replace(UNREAD, ''))
  if (!sound) return written
  const likeVowel = sound === 'vowel' || (sound === 'ㄹ' && written === '(으)로')
  return PARTICLES[written]![likeVowel ? 1 : 0]
}

/** A template with its values and the particles that these ask for; `put` puts values into a part of the template.
    A value stays as it is, such as the class 고양이(가). */
export function withParticles(template: string, put: (part: string) => string): string {
  if (!template.includes('(')) return put(template)
  return template
    .split(WRITTEN) // text and particles in turn
    .reduce((before, part, i) => before + (i % 2 ? particle(part, before) : put(part)), '')
}
