/** A reading that a client's callbacks tell piece by piece. */
import { type Case, toBytes } from "../Case.js"
import type { ReadHead, Reading, Refusal } from "../Reading.js"
import { settle, Wire } from "./Wire.js"

export class Story {
  readonly interim: Array<ReadHead> = []
  head: ReadHead | undefined = undefined
  body = ""
  trailers: ReadonlyArray<string> = []
  keep: boolean | undefined = undefined
  complete = false
  refusal: Refusal | undefined = undefined

  refuse(error: unknown, at: number): void {
    if (this.complete || this.refusal !== undefined) return
    const { bytesParsed, code, message } = error as { bytesParsed?: number; code?: string; message?: string }
    this.refusal = { at: bytesParsed ?? at, code: code ?? "ERROR", why: message ?? String(error) }
  }
}

/**
 * Lets a client ask over a wire, and reads its story while the connection is open and when it has ended. Bytes behind
 * the answer, which ends where another reader says, are held back: what a client makes of them is not compared.
 */
export const tell = async (
  given: Case,
  end: number | undefined,
  ask: (wire: Wire, story: Story) => () => void | Promise<void>
): Promise<Reading> => {
  const bytes = toBytes(end === undefined ? given.bytes : given.bytes.slice(0, end))
  const wire = new Wire(bytes)
  const story = new Story()
  const done = ask(wire, story)
  await wire.asked
  await settle()
  const open = story.refusal !== undefined ? "refused" : story.complete ? "complete" : "waiting"
  if (open === "waiting") {
    wire.finish()
    await settle()
    if (!story.complete && story.refusal === undefined) {
      story.refusal = { at: bytes.length, code: "HANGS", why: "neither an answer nor an error after the end" }
    }
  }
  await done()
  wire.destroy()
  const { body, complete, head, interim, keep, refusal, trailers } = story
  return {
    interim,
    head,
    body,
    trailers,
    open,
    closed: complete && refusal === undefined ? "complete" : "refused",
    // Where it ended cannot be seen from outside.
    end: open === "complete" ? end : undefined,
    keep,
    refusal
  }
}
