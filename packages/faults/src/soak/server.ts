/** The server of the soak: shows by its answer whose request it was, and counts how often each was carried out. */
import * as Http from "node:http"
import * as Https from "node:https"
import type * as Net from "node:net"
import type { Certificate } from "../matrix/certificates.js"
import * as Content from "./Content.js"
import type { Framing } from "./Operation.js"

/** How often each id has arrived; ids are counted up from 0. */
export class Arrivals {
  private counts = new Uint8Array(1 << 20)

  add(id: number): void {
    while (id >= this.counts.length) {
      const longer = new Uint8Array(this.counts.length * 2)
      longer.set(this.counts)
      this.counts = longer
    }
    if (this.counts[id]! < 255) this.counts[id]!++
  }

  of(id: number): number {
    return this.counts[id] ?? 0
  }
}

export interface Findings {
  readonly arrivals: Arrivals
  /** What a client must never have sent, in words. */
  readonly wrong: Array<string>
  requests: number
}

/** One answer in so many says that it is the last on its connection. */
const closesAfter = 97

/** One in so many is, without a word. */
const dropsAfter = 89

/** `/id/asked/framing/pause/sent/once`. */
const parse = (url: string) => {
  const [, id, asked, framing, pause, sent, once] = url.split("/")
  return {
    id: Number(id),
    asked: Number(asked),
    framing: framing as Framing,
    pause: Number(pause),
    sent: Number(sent),
    once: once === "once"
  }
}

const answer = (findings: Findings) => (request: Http.IncomingMessage, response: Http.ServerResponse) => {
  const { asked, framing, id, once, pause, sent } = parse(request.url ?? "")
  findings.requests++
  findings.arrivals.add(id)
  if (once && findings.arrivals.of(id) > 1) findings.wrong.push(`${request.method} ${id} was carried out twice`)
  const check = new Content.Check(id, sent)
  // Broken off: the fault's doing, and the client has been told by its own connection.
  request.on("error", () => {})
  response.on("error", () => {})
  request.on("data", (bytes: Buffer) => check.take(bytes))
  request.on("end", () => {
    if (!check.isWhole) findings.wrong.push(`${request.method} ${id}: ${check.received} of ${sent} bytes, or others'`)
    response.sendDate = false
    if (framing === "close") response.useChunkedEncodingByDefault = false
    // Said in full, so that Node adds no hint of how long it keeps connections: that is to be found out.
    const connection = framing === "close" || id % closesAfter === 0 ? "close" : "keep-alive"
    const fields =
      framing === "length"
        ? { "content-length": asked }
        : framing === "chunked"
          ? { "transfer-encoding": "chunked" }
          : {}
    response.writeHead(200, { "x-id": id, connection, ...fields })
    if (id % dropsAfter === 0) response.on("finish", () => request.socket.end())
    const content = request.method === "HEAD" ? "" : Content.make(id, asked)
    if (pause === 0) {
      response.end(content)
      return
    }
    const half = content.length >> 1
    if (half > 0) response.write(content.slice(0, half))
    else response.flushHeaders()
    setTimeout(() => response.end(content.slice(half)), pause)
  })
}

/** Listens on loopback, for as long as the process lives. */
export const serve = (findings: Findings, certificate?: Certificate): Promise<number> =>
  new Promise((resolve, reject) => {
    const listener =
      certificate === undefined
        ? Http.createServer(answer(findings))
        : Https.createServer({ cert: certificate.cert, key: certificate.key }, answer(findings))
    // Short enough that connections are found closed now and then.
    listener.keepAliveTimeout = 1000
    // A connection that breaks is the proxy's doing, and no reason to answer.
    listener.on("clientError", (_, socket) => socket.destroy())
    listener.on("connection", (socket: Net.Socket) => socket.on("error", () => {}))
    listener.once("error", reject)
    listener.listen(0, "127.0.0.1", () => resolve((listener.address() as Net.AddressInfo).port))
  })
