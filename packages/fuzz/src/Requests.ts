/** What the codec writes, read by Node's server: one request, the one that was asked for, and the next one behind it. */
import * as http from "node:http"
import { Duplex } from "node:stream"
import { RequestEncoder } from "@hotaru/http1"
import { toBytes } from "./Case.js"
import type { Asked } from "./generate/Requests.js"
import { settle } from "./readers/Wire.js"

interface Received {
  readonly method: string
  readonly target: string
  readonly rawHeaders: ReadonlyArray<string>
  body: string
  complete: boolean
}

/** The far end of a connection without a network. */
class Incoming extends Duplex {
  override _read(): void {}
  override _write(_: unknown, __: unknown, done: () => void): void {
    done()
  }
}

/** What a server makes of bytes: its requests, and its complaint if it has one. */
export const received = async (
  bytes: string
): Promise<{ readonly requests: ReadonlyArray<Received>; readonly complaint: string | undefined }> => {
  const requests: Array<Received> = []
  let complaint: string | undefined
  const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 })
  const read = (message: http.IncomingMessage, response: http.ServerResponse) => {
    const request: Received = {
      method: message.method ?? "",
      target: message.url ?? "",
      rawHeaders: message.rawHeaders,
      body: "",
      complete: false
    }
    requests.push(request)
    message.on("data", (chunk: Buffer) => {
      request.body += chunk.toString("latin1")
    })
    message.on("end", () => {
      request.complete = message.complete
      response.end()
    })
  }
  for (const event of ["request", "checkContinue", "checkExpectation"]) server.on(event, read)
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    complaint ??= error.code ?? error.message
    socket.destroy()
  })
  const connection = new Incoming()
  connection.on("error", () => undefined)
  server.emit("connection", connection)
  connection.push(toBytes(bytes))
  await settle()
  connection.destroy()
  await settle()
  // It never listened; this ends the timer that looks after its connections.
  server.close()
  return { requests, complaint }
}

const bodyOf = ({ head, pieces }: Asked): string =>
  head.framing._tag !== "Chunked"
    ? pieces.join("")
    : `${pieces
        .map((piece) => `${RequestEncoder.chunkHead(piece.length)}${piece}${RequestEncoder.chunkEnd}`)
        .join("")}${RequestEncoder.lastChunk}`

const next = "GET /next HTTP/1.1\r\nHost: next\r\n\r\n"

/** Fields that the encoder writes by a rule of its own, and not where the caller put them. */
const ruled = new Set(["host", "content-length", "connection"])

/** Blanks around a value are no part of it. */
const trimmed = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, "")

const fieldsOf = (rawHeaders: ReadonlyArray<string>): ReadonlyArray<readonly [name: string, value: string]> =>
  rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ""] as const] : []))

/** What is wrong with how a request arrives; "refused" if the encoder refuses it. */
export const problem = async (asked: Asked): Promise<string | undefined> => {
  const { head, pieces } = asked
  const encoded = RequestEncoder.encodeHead(head)
  if (typeof encoded !== "string") return "refused"
  const closes = /^connection: close/im.test(encoded)
  const { complaint, requests } = await received(`${encoded}${bodyOf(asked)}${closes ? "" : next}`)
  if (complaint !== undefined) return `the server complains: ${complaint}`
  const [first, second, ...more] = requests
  if (first === undefined || more.length > 0 || (second === undefined) !== closes) {
    return `${requests.length} requests arrive`
  }
  if (!first.complete || first.body !== pieces.join("")) return "another body arrives"
  if (first.method !== head.method || first.target !== head.target) return "another method or target arrives"
  if (second !== undefined && (second.target !== "/next" || second.rawHeaders.length !== 2))
    return "another next request"
  const fields = fieldsOf(first.rawHeaders)
  if (fields.filter(([name]) => name.toLowerCase() === "host").length !== 1) return "not one Host arrives"
  const asIs = (name: string) => !ruled.has(name.toLowerCase()) && name.toLowerCase() !== "transfer-encoding"
  const sent = Object.entries(head.headers).filter(([name]) => asIs(name))
  const arrived = fields.filter(([name]) => asIs(name))
  return JSON.stringify(arrived) === JSON.stringify(sent.map(([name, value]) => [name, trimmed(value)]))
    ? undefined
    : "other fields arrive"
}
