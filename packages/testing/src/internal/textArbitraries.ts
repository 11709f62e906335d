/**
 * Field names, values and reason phrases, valid and not.
 */
import * as FastCheck from "effect/FastCheck"

const units = (first: number, last: number): Array<string> =>
  Array.from({ length: last - first + 1 }, (_, i) => String.fromCharCode(first + i))

const visible = units(0x21, 0x7e)
const obsText = units(0x80, 0xff)
const alphanumeric = [...units(0x30, 0x39), ...units(0x41, 0x5a), ...units(0x61, 0x7a)]
const tokenUnits = [...alphanumeric, ..."!#$%&'*+-.^_`|~"]
const delimiters = visible.filter((unit) => !tokenUnits.includes(unit))
/** All but HTAB. */
const controls = [...units(0, 8), ...units(10, 31), "\x7f"]
/** The last two become CR and LF when they are cut to eight bits. */
const wide = ["\u0100", "\u20ac", "\ud83d", "\u010d", "\u010a"]

const text = (units: ReadonlyArray<string>, constraints: { readonly minLength?: number; readonly maxLength: number }) =>
  FastCheck.array(FastCheck.constantFrom(...units), constraints).map((chosen) => chosen.join(""))

/** They frame the message, or decide what becomes of the connection. */
const reserved = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

export const fieldName: FastCheck.Arbitrary<string> = FastCheck.oneof(
  FastCheck.constantFrom("content-type", "Content-Type", "set-cookie", "Set-Cookie", "etag", "vary", "X-Request-Id"),
  text(tokenUnits, { minLength: 1, maxLength: 20 })
).filter((name) => !reserved.has(name.toLowerCase()))

export const fieldValue: FastCheck.Arbitrary<string> = FastCheck.oneof(
  text(visible, { maxLength: 30 }),
  text([...visible, ...obsText, " ", "\t"], { maxLength: 60 })
)
  // The white space around a value is not part of it.
  .map((value) => value.replace(/^[ \t]+|[ \t]+$/g, ""))

export const reason: FastCheck.Arbitrary<string> = FastCheck.oneof(
  FastCheck.constantFrom("OK", "Not Found", ""),
  text([...visible, " "], { maxLength: 20 }).map((phrase) => phrase.trim())
)

/** A valid text with one wrong unit somewhere in it. */
const spoilt = (valid: FastCheck.Arbitrary<string>, wrong: ReadonlyArray<string>): FastCheck.Arbitrary<string> =>
  FastCheck.tuple(valid, FastCheck.constantFrom(...wrong), FastCheck.nat()).map(([value, unit, at]) => {
    const position = at % (value.length + 1)
    return value.slice(0, position) + unit + value.slice(position)
  })

export const invalidFieldName: FastCheck.Arbitrary<string> = FastCheck.oneof(
  FastCheck.constant(""),
  spoilt(fieldName, [...delimiters, ...controls, ...wide, " ", "\t", ...obsText])
)

export const invalidFieldValue: FastCheck.Arbitrary<string> = spoilt(fieldValue, [...controls, ...wide])
