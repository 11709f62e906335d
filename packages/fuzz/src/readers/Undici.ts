/** `undici`, over a wire of ours. */
import { Client, type Dispatcher } from "undici"
import type { Case } from "../Case.js"
import type { ReadHead, Reading } from "../Reading.js"
import { tell } from "./Story.js"

type Handler = Dispatcher.DispatchHandler & {
  // The types still say that these are texts.
  onComplete: (trailers: ReadonlyArray<Buffer | string> | null) => void
}

const text = (fields: ReadonlyArray<Buffer | string> | null): ReadonlyArray<string> =>
  (fields ?? []).map((field) => (typeof field === "string" ? field : field.toString("latin1")))

export const read = (given: Case, end: number | undefined): Promise<Reading> =>
  tell(given, end, (wire, story) => {
    const client = new Client("http://localhost", {
      // Not within the call: what it does then is lost while the client decides.
      connect: (_, done) => queueMicrotask(() => done(null, wire as never)),
      maxHeaderSize: 16 * 1024 * 1024,
      headersTimeout: 0,
      bodyTimeout: 0
    })
    // Its callbacks tell no version. What it keeps is its pool's affair.
    const headOf = (
      status: number,
      reason: string | undefined,
      rawHeaders: ReadonlyArray<Buffer | string> | null
    ): ReadHead => ({
      status,
      reason,
      version: undefined,
      rawHeaders: text(rawHeaders)
    })
    const handler: Handler = {
      onConnect: () => undefined,
      onUpgrade: (status, rawHeaders) => {
        story.head = headOf(status, undefined, rawHeaders)
        story.complete = true
      },
      onHeaders: (status, rawHeaders, _, reason) => {
        const head = headOf(status, reason, rawHeaders)
        if (status < 200) story.interim.push(head)
        else story.head = head
        return true
      },
      onData: (chunk) => {
        story.body += chunk.toString("latin1")
        return true
      },
      onComplete: (trailers) => {
        story.trailers = text(trailers)
        story.complete = true
      },
      onError: (error) => story.refuse(error, given.bytes.length)
    }
    client.on("connectionError", (_, __, error) => story.refuse(error, given.bytes.length))
    client.dispatch(
      { method: given.method, path: "/", ...(given.upgrade ? { upgrade: "websocket" } : undefined) },
      handler
    )
    return () => client.destroy()
  })
