/** What the server of the matrix answers, byte for byte, so that faults can be aimed at any of them. */
import * as Http from "node:http"
import * as Https from "node:https"
import type * as Net from "node:net"
import type { SecureVersion } from "node:tls"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Certificate } from "./certificates.js"

export const body = "It was here that the two roads met, and neither of them went on.".repeat(4)

/** By path. The long one fills several records of TLS (16 KiB each: RFC 8446 section 5.1). */
export const bodies = { "/plain": body, "/chunked": body, "/long": body.repeat(256) } as const

const head = (framing: string) =>
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n${framing}\r\nconnection: keep-alive\r\n\r\n`

/** The answer, and the same in chunks, as they are on the wire. */
export const plain = { head: head(`content-length: ${body.length}`), body }
export const chunked = {
  head: head("transfer-encoding: chunked"),
  body: `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
}

/** Every byte of every request's content. */
export const content = 0x78

export interface Server {
  readonly port: number
  /** Requests whose head has arrived. */
  readonly seen: () => number
  /** Requests that have arrived whole. */
  readonly whole: () => number
  /** Of those, the ones whose content was not what is sent here. */
  readonly damaged: () => number
  /**
   * Closes what is still open on this side. Node's TLS server leaves the socket under a connection open that ended with
   * a fatal alert.
   */
  readonly hangUp: () => void
}

export interface Options {
  readonly certificate?: Certificate | undefined
  readonly maxVersion?: SecureVersion | undefined
}

/** Node's own server on loopback. It answers a request as soon as it is there whole. */
export const serve = ({ certificate, maxVersion }: Options = {}): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.suspend(() => {
    let seen = 0
    let whole = 0
    let damaged = 0
    const answer: Http.RequestListener = (request, response) => {
      seen++
      // An upload that breaks off ends here and nowhere else: the client is told by its own connection.
      request.on("error", () => {})
      let right = true
      request.on("data", (bytes: Buffer) => {
        right &&= bytes.every((byte) => byte === content)
      })
      request.on("end", () => {
        whole++
        if (!right) damaged++
        response.sendDate = false
        const inChunks = request.url === "/chunked"
        const content = bodies[request.url as keyof typeof bodies]
        response.writeHead(200, [
          ["content-type", "text/plain"],
          inChunks ? ["transfer-encoding", "chunked"] : ["content-length", String(content.length)],
          ["connection", "keep-alive"]
        ] as never)
        response.end(content)
      })
    }
    const listener =
      certificate === undefined
        ? Http.createServer(answer)
        : Https.createServer(
            { cert: certificate.cert, key: certificate.key, ...(maxVersion === undefined ? {} : { maxVersion }) },
            answer
          )
    listener.keepAliveTimeout = 0
    // Told of what is no request, Node closes with the rest of it unread: a reset, which may overtake the answer. This
    // one reads on.
    listener.on("clientError", (_, socket) => {
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    })
    const sockets = new Set<Net.Socket>()
    listener.on("connection", (socket: Net.Socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      socket.on("error", () => {})
    })
    const hangUp = () => sockets.forEach((socket) => void socket.destroy())
    return Effect.acquireRelease(
      Effect.async<Server>((resume) => {
        listener.listen(0, "127.0.0.1", () => {
          const { port } = listener.address() as Net.AddressInfo
          resume(Effect.succeed({ port, seen: () => seen, whole: () => whole, damaged: () => damaged, hangUp }))
        })
      }),
      () =>
        Effect.async<void>((resume) => {
          listener.close(() => resume(Effect.void))
          hangUp()
        })
    )
  })
