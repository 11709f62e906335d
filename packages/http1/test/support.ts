import { assert } from "@effect/vitest"
import type { Http1Event } from "@hotaru/http1"
import { Http1Limits, ResponseDecoder } from "@hotaru/http1"

/** One byte a code unit. */
export const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

export const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

export const rows = (...lines: ReadonlyArray<string>): string => lines.map((line) => `${line}\r\n`).join("")

/** What comes in and how it ends. Without `finish` the connection stays open. */
export interface Input {
  readonly method?: string
  readonly upgrade?: boolean
  readonly answer: string
  readonly finish?: "fin" | "reset"
  readonly limits?: Partial<Http1Limits.Http1Limits>
}

/** Where to cut; indexes in ascending order. */
export type Cuts = ReadonlyArray<number>

export const decoderOf = (input: Pick<Input, "limits">): ResponseDecoder.ResponseDecoder =>
  ResponseDecoder.make({ ...Http1Limits.defaults, ...input.limits })

/** The events, with chunks in one piece as text, so that they can be compared whatever the cuts. */
export type Seen = Exclude<Http1Event.Http1Event, Http1Event.Chunk> | { readonly _tag: "Body"; readonly text: string }

export const replay = (input: Input, cuts: Cuts = []): ReadonlyArray<Seen> => {
  const decoder = decoderOf(input)
  decoder.start(input.method ?? "GET", input.upgrade)
  const seen: Array<Seen> = []
  const see = (events: ReadonlyArray<Http1Event.Http1Event>) => {
    for (const event of events) {
      assert.notStrictEqual(seen.at(-1)?._tag, "Failed", "something came after Failed")
      if (event._tag !== "Chunk") {
        seen.push(event)
        continue
      }
      assert.isAbove(event.bytes.length, 0, "an empty chunk")
      const last = seen.at(-1)
      if (last?._tag === "Body") seen[seen.length - 1] = { _tag: "Body", text: last.text + text(event.bytes) }
      else seen.push({ _tag: "Body", text: text(event.bytes) })
    }
  }
  const whole = bytes(input.answer)
  let from = 0
  for (const to of [...cuts, whole.length]) {
    // A copy of its own for each push, spoilt afterwards: what is borrowed may not be kept.
    const piece = whole.slice(from, to)
    see(decoder.push(piece))
    piece.fill(0x21)
    from = to
  }
  if (input.finish !== undefined) see(decoder.finish(input.finish))
  return seen
}

/** Whole, byte by byte, and, if it is short, cut once at every place. All must give the same. */
export const decode = (input: Input): ReadonlyArray<Seen> => {
  const whole = replay(input)
  const length = input.answer.length
  const everywhere = Array.from({ length: Math.max(0, length - 1) }, (_, index) => index + 1)
  const comparable = settled(whole)
  assert.deepStrictEqual(settled(replay(input, everywhere)), comparable, "byte by byte")
  if (length <= 512) {
    for (const cut of everywhere) {
      assert.deepStrictEqual(settled(replay(input, [cut])), comparable, `cut at ${cut}`)
    }
  }
  return whole
}

/**
 * What no cut may change. Bytes beyond the end are `LeftoverBytes` in the same push and `UnexpectedBytes` in a later
 * one, so what is compared there is that the connection is not kept.
 */
const settled = (seen: ReadonlyArray<Seen>): ReadonlyArray<unknown> => {
  const end = seen.findIndex((event) => event._tag === "End")
  const last = seen.at(-1)
  const leftover =
    (last?._tag === "Failed" && last.error.kind === "UnexpectedBytes") ||
    (last?._tag === "End" && last.keepAlive._tag === "Close" && last.keepAlive.reason === "LeftoverBytes")
  return leftover && end !== -1 ? [...seen.slice(0, end), "poisoned"] : seen
}

export const head = (seen: ReadonlyArray<Seen>): Http1Event.Head => {
  const found = seen.find((event) => event._tag === "Head")
  assert.isDefined(found, `no head in ${JSON.stringify(seen)}`)
  return found!
}

export const body = (seen: ReadonlyArray<Seen>): string => seen.find((event) => event._tag === "Body")?.text ?? ""

export const end = (seen: ReadonlyArray<Seen>): Http1Event.End["keepAlive"] => {
  const last = seen.at(-1)
  if (last?._tag !== "End") return assert.fail(`no end in ${JSON.stringify(seen)}`)
  return last.keepAlive
}

export const failure = (seen: ReadonlyArray<Seen>): Http1Event.Failed["error"] => {
  const last = seen.at(-1)
  if (last?._tag !== "Failed") return assert.fail(`no failure in ${JSON.stringify(seen)}`)
  return last.error
}

export const tags = (seen: ReadonlyArray<Seen>): ReadonlyArray<string> => seen.map((event) => event._tag)
