/** Bodies that say whose they are, and answers as bytes. */
import * as Wire from "@hotaru/testing/Wire"
import type { Answer, Fault } from "./Behaviour.js"

/** The first `length` characters of an endless text that is nobody else's. */
export const text = (id: string, length: number): string => {
  const own = `${id}|`
  return own.repeat(Math.ceil(length / own.length)).slice(0, length)
}

/** The body that request `id` carries. */
export const upload = (id: string, length: number): string => text(`up-${id}`, length)

export const isUpload = (id: string, body: string): boolean => body === upload(id, body.length)

/** Whether a body is the whole of what the answer to `id` announced. */
export const isAnswer = (id: string, length: number, body: string): boolean =>
  body.length === length && body === text(id, length)

const fields = (id: string, length: number): ReadonlyArray<readonly [string, string]> => [
  ["x-id", id],
  ["x-length", String(length)]
]

/** An answer in one piece. */
export const whole = (
  id: string,
  status: number,
  length: number,
  headers: Readonly<Record<string, string>>
): Uint8Array =>
  Wire.response({ status, headers: [...fields(id, length), ...Object.entries(headers)], body: text(id, length) })

/** Faults that send bytes which are no part of an answer, or no answer at all. */
export const lies: ReadonlySet<Fault> = new Set<Fault>(["garbage", "stray", "badHead", "tooShort"])

export interface Encoded {
  readonly bytes: Uint8Array
  /** Where it breaks off; its length if it does not. */
  readonly cutAt: number
  /** What comes behind it that nobody asked for. */
  readonly follows: Uint8Array | string | undefined
  /** Whether there is more than was announced. */
  readonly overlong: boolean
  /** How the server ends the connection behind it, if it does. */
  readonly closing: "fin" | "reset" | undefined
}

export const encode = (method: string, id: string, answer: Answer): Encoded => {
  const { fault, status } = answer
  const bodiless = method === "HEAD" || status === 204 || status === 304
  const length = bodiless ? 0 : answer.length
  const body = text(id, length)
  const byClose = !bodiless && answer.framing === "close"
  const says = answer.saysClose || byClose
  const headers: Array<readonly [string, string]> = [...fields(id, length)]
  if (answer.keepAlive !== undefined) headers.push(["keep-alive", answer.keepAlive])
  if (says) headers.push(["connection", "close"])
  if (fault === "badHead") headers.push(["bad header", "a blank in its name"])
  const bytes = (() => {
    if (bodiless) {
      if (method === "HEAD") headers.push(["content-length", String(answer.length)])
      return Wire.response({ status, headers, framing: "none" })
    }
    if (fault === "tooLong" || fault === "tooShort") {
      // The announced length is a lie: the rest never comes, or there is more than that.
      const announced = fault === "tooLong" ? length + 10 : Math.floor(length / 2)
      const told = headers.map(([name, value]) => [name, name === "x-length" ? String(announced) : value] as const)
      return Wire.response({
        status,
        headers: [...told, ["content-length", String(announced)]],
        body,
        framing: "close"
      })
    }
    if (byClose) return Wire.response({ status, headers, body, framing: "close" })
    return Wire.response({
      status,
      headers,
      body,
      framing: answer.framing === "chunked" ? { chunks: [7, 1, 500] } : "length"
    })
  })()
  const headLength = indexOfBody(bytes)
  const inHead = fault === "finInHead" || fault === "resetInHead"
  const inBody = fault === "finInBody" || fault === "resetInBody"
  // A body that is delimited by the connection's end is complete wherever that is: it must be reset to be seen broken.
  const cutAt = inHead
    ? Math.max(1, Math.floor(headLength / 2))
    : inBody
      ? Math.floor((headLength + bytes.length) / 2)
      : bytes.length
  return {
    bytes,
    cutAt,
    follows: byClose ? undefined : fault === "garbage" ? "\r\n!!!" : fault === "stray" ? stray : undefined,
    overlong: fault === "tooShort" && body.length > Math.floor(length / 2),
    closing: closingOf(fault, says, byClose)
  }
}

const stray = whole("stray", 200, 10, {})

const closingOf = (fault: Fault, says: boolean, byClose: boolean): Encoded["closing"] => {
  if (fault === "resetAfter" || fault === "resetInHead" || fault === "resetInBody") return "reset"
  if (fault === "finInBody") return byClose ? "reset" : "fin"
  return says || fault === "tooLong" || fault === "finInHead" ? "fin" : undefined
}

const indexOfBody = (bytes: Uint8Array): number => Wire.text(bytes.subarray(0, 2000)).indexOf("\r\n\r\n") + 4

/** About equal pieces. */
export const cut = (bytes: Uint8Array, pieces: number): ReadonlyArray<Uint8Array> => {
  const size = Math.max(1, Math.ceil(bytes.length / pieces))
  return Wire.piecesOf(size)(bytes)
}
