/** Damage to bytes, as a network, a broken server or an attacker does it. */
import * as FastCheck from "effect/FastCheck"
import * as Vocabulary from "./Vocabulary.js"

/** `at` is anywhere in 0 to 2^16: a place in a text of any length. */
export type Mutation = (text: string) => string

const places = 65_536
const place = FastCheck.nat(places - 1)
const index = (at: number, length: number): number => Math.floor((at / places) * length)

const replace = (text: string, from: number, to: number, by: string): string =>
  text.slice(0, from) + by + text.slice(to)

const flip = FastCheck.tuple(place, FastCheck.nat(7)).map(
  ([at, bit]): Mutation =>
    (text) => {
      if (text.length === 0) return text
      const i = index(at, text.length)
      return replace(text, i, i + 1, String.fromCharCode(text.charCodeAt(i) ^ (1 << bit)))
    }
)

const overwrite = FastCheck.tuple(place, FastCheck.nat(255)).map(
  ([at, byte]): Mutation =>
    (text) => {
      const i = index(at, text.length)
      return replace(text, i, i + 1, String.fromCharCode(byte))
    }
)

const insert = FastCheck.tuple(place, FastCheck.constantFrom(...Vocabulary.particles)).map(
  ([at, particle]): Mutation =>
    (text) => {
      const i = index(at, text.length + 1)
      return replace(text, i, i, particle)
    }
)

const remove = FastCheck.tuple(place, FastCheck.integer({ min: 1, max: 6 })).map(
  ([at, count]): Mutation =>
    (text) => {
      const i = index(at, text.length)
      return replace(text, i, i + count, "")
    }
)

const duplicate = FastCheck.tuple(place, FastCheck.integer({ min: 1, max: 30 })).map(
  ([at, count]): Mutation =>
    (text) => {
      const i = index(at, text.length)
      return replace(text, i, i, text.slice(i, i + count))
    }
)

const truncate = place.map(
  (at): Mutation =>
    (text) =>
      text.slice(0, index(at, text.length))
)

/** Every place where a line ends. */
const lineEnds = (text: string): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let at = text.indexOf("\r\n"); at !== -1; at = text.indexOf("\r\n", at + 2)) found.push(at)
  return found
}

const anotherLineEnd = FastCheck.tuple(
  place,
  FastCheck.constantFrom(
    "\n",
    "\r",
    "\r\r\n",
    "\n\r",
    "\r\n\n",
    "\r\n\r\n",
    "\r\n ",
    "\r\n\t",
    " \r\n",
    "\r \n",
    "\r\nX",
    "\r\rX"
  )
).map(
  ([at, by]): Mutation =>
    (text) => {
      const ends = lineEnds(text)
      if (ends.length === 0) return text
      const end = ends[index(at, ends.length)]!
      return replace(text, end, end + 2, by)
    }
)

const anotherLine = FastCheck.tuple(
  place,
  FastCheck.oneof(
    FastCheck.constantFrom(...Vocabulary.framingFields),
    FastCheck.constantFrom(...Vocabulary.brokenFields),
    FastCheck.constantFrom(...Vocabulary.chunkLines),
    FastCheck.constantFrom(...Vocabulary.connectionFields)
  )
).map(
  ([at, line]): Mutation =>
    (text) => {
      const ends = lineEnds(text)
      const end = ends.length === 0 ? 0 : ends[index(at, ends.length)]!
      return replace(text, end, end, `\r\n${line}`)
    }
)

/** Letters only: the upper case of 0xFF is outside of latin1. */
const swapCase = place.map(
  (at): Mutation =>
    (text) => {
      const i = index(at, text.length)
      const found = text.charAt(i)
      if (!/[a-z]/i.test(found)) return text
      return replace(text, i, i + 1, found === found.toLowerCase() ? found.toUpperCase() : found.toLowerCase())
    }
)

const one: FastCheck.Arbitrary<Mutation> = FastCheck.oneof(
  { weight: 3, arbitrary: flip },
  { weight: 2, arbitrary: overwrite },
  { weight: 4, arbitrary: insert },
  { weight: 2, arbitrary: remove },
  { weight: 1, arbitrary: duplicate },
  { weight: 2, arbitrary: truncate },
  { weight: 3, arbitrary: anotherLineEnd },
  { weight: 2, arbitrary: anotherLine },
  { weight: 1, arbitrary: swapCase }
)

export const mutated = (stream: FastCheck.Arbitrary<string>): FastCheck.Arbitrary<string> =>
  FastCheck.tuple(stream, one, one, FastCheck.nat(2)).map(([text, first, second, draw]) =>
    draw === 0 ? second(first(text)) : first(text)
  )
