import type { Dice } from './random.ts'

/** Octets that parsers stumble over: lengths, limits, pointers, and what is special in text. */
const OCTETS = [0, 1, 2, 12, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff, 10, 32, 34, 36, 40, 41, 46, 59, 64, 92]
const MAX_LENGTH = 4096

/** One to eight changes to `input`, some of them with parts of `other` or with words that the format knows. */
export function mutate(input: Uint8Array, other: Uint8Array, words: readonly Uint8Array[], dice: Dice): Uint8Array {
  let octets = input
  for (let changes = 1 + dice.roll(8); changes > 0; changes--) octets = change(octets, other, words, dice)
  return octets.length > MAX_LENGTH ? octets.slice(0, MAX_LENGTH) : octets
}

function change(octets: Uint8Array, other: Uint8Array, words: readonly Uint8Array[], dice: Dice): Uint8Array {
  const at = dice.roll(octets.length + 1)
  const length = dice.roll(Math.min(octets.length - at, 32) + 1)
  switch (dice.roll(8)) {
    case 0:
      return replaceAt(octets, at, 1, Uint8Array.of((octets[at] ?? 0) ^ (1 << dice.roll(8))))
    case 1:
      return replaceAt(octets, at, 1, Uint8Array.of(dice.pick(OCTETS)))
    case 2:
      return replaceAt(octets, at, 1, Uint8Array.of(dice.roll(256)))
    case 3:
      return replaceAt(octets, at, length, new Uint8Array())
    case 4:
      return replaceAt(octets, dice.roll(octets.length + 1), 0, octets.slice(at, at + length))
    case 5: {
      const from = dice.roll(other.length + 1)
      return replaceAt(octets, at, length, other.slice(from, from + dice.roll(64)))
    }
    case 6:
      return words.length > 0 ? replaceAt(octets, at, dice.roll(2) * length, dice.pick(words)) : octets
    default:
      return replaceAt(octets, at, 2, Uint8Array.of(dice.pick(OCTETS), dice.pick(OCTETS)))
  }
}

function replaceAt(octets: Uint8Array, at: number, length: number, by: Uint8Array): Uint8Array {
  return Uint8Array.from(Buffer.concat([octets.subarray(0, at), by, octets.subarray(at + length)]))
}
