/** A seeded stream. Each use names its own stream, so adding a draw in one place moves no other. */
export interface Prng {
  nextUint32(): number
  below(limit: number): number
  chance(numerator: number, denominator: number): boolean
  stream(name: string): Prng
}

export function createPrng(seed: number): Prng {
  let state = seed >>> 0
  const nextUint32 = () => {
    state = (state + 0x9e3779b9) >>> 0
    return mix32(state)
  }
  const below = (limit: number) => Math.floor((nextUint32() / 2 ** 32) * limit)
  return {
    nextUint32,
    below,
    chance: (numerator, denominator) => below(denominator) < numerator,
    stream: (name) => createPrng(fnv1a(`${seed}/${name}`)),
  }
}

/** splitmix32's finaliser: a bijection of 32 bits, equal on every engine because it uses only 32-bit operations. */
export function mix32(value: number): number {
  let z = value >>> 0
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}

/** FNV-1a over UTF-16 code units. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
