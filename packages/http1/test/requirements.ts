/** Tables of what an RFC requires, as answers and requests that show it. */
import { assert, describe, it } from "@effect/vitest"
import type { Http1Error, KeepAlive } from "@hotaru/http1"
import { RequestEncoder } from "@hotaru/http1"
import type { Input, Seen } from "./support.js"
import { body, decode } from "./support.js"

/** What must come of an answer. What is not named is not looked at. */
export interface Outcome {
  readonly status?: number
  readonly reason?: string
  readonly fields?: ReadonlyArray<string>
  readonly body?: string
  readonly trailers?: ReadonlyArray<string>
  /** How many interim answers came before. */
  readonly interim?: number
  /** What becomes of the connection; `waiting` if more bytes are expected. */
  readonly fate?: "Keep" | KeepAlive.CloseReason | "waiting" | Http1Error.Http1ErrorKind
}

export type Example =
  | (Input & { readonly gives: Outcome })
  | { readonly request: Partial<RequestEncoder.RequestHead>; readonly sends: string }
  | {
      readonly request: Partial<RequestEncoder.RequestHead>
      readonly refused: RequestEncoder.RequestHeadError["field"]
    }

/** `says` in our words: the RFC is the source. */
export interface Requirement {
  readonly section: string
  readonly level: "MUST" | "MUST NOT" | "SHOULD" | "SHOULD NOT" | "MAY"
  readonly says: string
  readonly examples: Readonly<Record<string, Example>>
}

const fate = (seen: ReadonlyArray<Seen>): Outcome["fate"] => {
  const last = seen.at(-1)
  if (last?._tag === "Failed") return last.error.kind
  if (last?._tag !== "End") return "waiting"
  return last.keepAlive._tag === "Keep" ? "Keep" : last.keepAlive.reason
}

const outcome = (seen: ReadonlyArray<Seen>): Required<{ [K in keyof Outcome]: Outcome[K] | undefined }> => {
  const head = seen.find((event) => event._tag === "Head")
  return {
    status: head?.status,
    reason: head?.reason,
    fields: head?.rawHeaders,
    body: body(seen),
    trailers: seen.find((event) => event._tag === "Trailers")?.rawHeaders ?? [],
    interim: seen.filter((event) => event._tag === "InformationalHead").length,
    fate: fate(seen)
  }
}

const plain: RequestEncoder.RequestHead = {
  method: "GET",
  target: "/",
  host: "example.com",
  headers: {},
  framing: RequestEncoder.none,
  close: false
}

/** Answers are read whole, byte by byte, and cut at every place (`decode`). */
const check = (example: Example): void => {
  if ("gives" in example) {
    const { gives, ...input } = example
    const found = outcome(decode(input))
    assert.deepStrictEqual(
      Object.fromEntries(Object.keys(gives).map((name) => [name, found[name as keyof Outcome]])),
      gives as Record<string, unknown>
    )
    return
  }
  const encoded = RequestEncoder.encodeHead({ ...plain, ...example.request })
  if ("sends" in example) assert.strictEqual(encoded, example.sends)
  else if (typeof encoded === "string") assert.fail(`was encoded: ${JSON.stringify(encoded)}`)
  else assert.strictEqual(encoded.field, example.refused)
}

/** A test for each example, named for section and requirement. */
export const requirements = (rfc: "RFC 9110" | "RFC 9112", table: ReadonlyArray<Requirement>): void => {
  for (const { examples, level, says, section } of table) {
    describe(`${rfc} section ${section}, ${level}: ${says}`, () => {
      for (const [name, example] of Object.entries(examples)) it(name, () => check(example))
    })
  }
}
