/**
 * A server on a loopback socket that shows each request exactly as it was sent and answers exactly what the test says.
 * It speaks HTTP by hand, so that a test can also answer what no HTTP library would.
 */

import * as Net from "node:net"
import * as Tls from "node:tls"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A request as it arrived. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  /** The head, byte for byte, without the empty line. */
  readonly head: string
  /** Names as sent. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** One value; repeated fields are joined by a comma and a space. */
  readonly header: (name: string) => string | undefined
  readonly body: Buffer
  readonly text: string
  /** Whether the body came in chunks. */
  readonly chunked: boolean
  /** Which connection it came on, counted from 1. */
  readonly connection: number
  /** Which request of its connection it is, counted from 1. */
  readonly index: number
}

/** The server's end of a connection. */
export interface ServerConnection {
  readonly id: number
  readonly socket: Net.Socket
  readonly isOpen: boolean
  /** Whether the client ended or reset its side. */
  readonly ended: boolean
  readonly bytesRead: number
}

export interface ReplyOptions {
  readonly status?: number
  readonly reason?: string
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]> | Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** How a request is answered. */
export interface Reply {
  readonly connection: ServerConnection
  /** A whole response with its length. */
  send(options?: ReplyOptions): void
  /** Bytes as they are. */
  raw(bytes: string | Uint8Array): void
  /** Ends the connection in good order. */
  end(): void
  /** Resets it. */
  reset(): void
}

export type Handler = (request: SeenRequest, reply: Reply) => void

export interface ServeOptions {
  /** Sees a request at its head; if it answers true the connection is its own from there on. */
  readonly onHead?: (request: SeenRequest, reply: Reply) => boolean
  readonly onConnection?: (reply: Reply) => void
  readonly tls?: Tls.TlsOptions
  /** Never reads what clients send. */
  readonly deaf?: boolean
}

interface MutableConnection {
  id: number
  socket: Net.Socket
  isOpen: boolean
  ended: boolean
  bytesRead: number
}

const parseHead = (head: string) => {
  const lines = head.split("\r\n")
  const [method = "", target = "", version = ""] = (lines[0] ?? "").split(" ")
  const headers = lines.slice(1).map((line) => {
    const colon = line.indexOf(":")
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  const header = (name: string): string | undefined => {
    const found = headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
    return found.length === 0 ? undefined : found.join(", ")
  }
  return { method, target, version, head, headers, header }
}

type Body = { readonly body: Buffer; readonly rest: Buffer }

const takeChunked = (bytes: Buffer): Body | undefined => {
  const chunks: Array<Buffer> = []
  let at = 0
  while (true) {
    const lineEnd = bytes.indexOf("\r\n", at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16)
    if (!Number.isSafeInteger(size)) throw new Error(`bad chunk size ${bytes.toString("latin1", at, lineEnd)}`)
    if (bytes.length < lineEnd + 2 + size + 2) return undefined
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
    if (size === 0) return { body: Buffer.concat(chunks), rest: bytes.subarray(at) }
  }
}

export class LoopbackServer {
  readonly requests: Array<SeenRequest> = []
  readonly connections: Array<ServerConnection> = []
  /** What went wrong in the server itself: a test's mistake, or bytes that are no HTTP. */
  readonly faults: Array<unknown> = []
  open = 0
  maxOpen = 0
  port = 0
  /** Every socket that was accepted, those with a failed handshake among them. */
  readonly sockets = new Set<Net.Socket>()
  private readonly listeners = new Set<() => void>()

  constructor(readonly secure: boolean) {}

  get url(): string {
    return `${this.secure ? "https" : "http"}://127.0.0.1:${this.port}`
  }

  get last(): SeenRequest {
    const last = this.requests[this.requests.length - 1]
    if (last === undefined) throw new Error("the server has seen no request")
    return last
  }

  changed(): void {
    for (const listener of [...this.listeners]) listener()
  }

  /** Waits until the condition holds; it is looked at whenever anything happens on the server. */
  until(condition: (server: LoopbackServer) => boolean): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const look = () => {
        if (!condition(this)) return
        this.listeners.delete(look)
        resume(Effect.void)
      }
      this.listeners.add(look)
      look()
      return Effect.sync(() => this.listeners.delete(look))
    })
  }
}

const listen = (handler: Handler, options: ServeOptions, server: LoopbackServer): Net.Server => {
  const accept = (socket: Net.Socket) => {
    const connection: MutableConnection = {
      id: server.connections.length + 1,
      socket,
      isOpen: true,
      ended: false,
      bytesRead: 0
    }
    server.connections.push(connection)
    server.open++
    server.maxOpen = Math.max(server.maxOpen, server.open)
    const reply: Reply = {
      connection,
      send: ({ body = "", headers = [], reason = "Reason", status = 200 } = {}) => {
        const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(body)
        const fields = Array.isArray(headers) ? headers : Object.entries(headers)
        const head = [`HTTP/1.1 ${status} ${reason}`]
          .concat(
            fields.map(([name, value]) => `${name}: ${value}`),
            `content-length: ${bytes.length}`,
            "",
            ""
          )
          .join("\r\n")
        socket.write(Buffer.concat([Buffer.from(head, "latin1"), bytes]))
      },
      raw: (bytes) => socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes),
      end: () => socket.end(),
      reset: () => socket.resetAndDestroy()
    }
    let buffered: Buffer = Buffer.alloc(0)
    let index = 0
    let headSeen = false
    let takenOver = false
    const next = (): boolean => {
      if (takenOver) return false
      const headEnd = buffered.indexOf("\r\n\r\n")
      if (headEnd < 0) return false
      const head = parseHead(buffered.toString("latin1", 0, headEnd))
      const chunked = /\bchunked\b/i.test(head.header("transfer-encoding") ?? "")
      const length = Number(head.header("content-length") ?? 0)
      const seen = (body: Buffer): SeenRequest => ({
        ...head,
        body,
        text: body.toString("utf8"),
        chunked,
        connection: connection.id,
        index: index + 1
      })
      const afterHead = buffered.subarray(headEnd + 4)
      if (!headSeen) {
        headSeen = true
        if (options.onHead?.(seen(afterHead), reply) === true) {
          takenOver = true
          server.requests.push(seen(afterHead))
          server.changed()
          return false
        }
      }
      const taken = chunked
        ? takeChunked(afterHead)
        : afterHead.length < length
          ? undefined
          : { body: afterHead.subarray(0, length), rest: afterHead.subarray(length) }
      if (taken === undefined) return false
      const request = seen(taken.body)
      index++
      headSeen = false
      buffered = taken.rest
      server.requests.push(request)
      handler(request, reply)
      server.changed()
      return buffered.length > 0
    }
    socket.setNoDelay(true)
    if (options.deaf !== true) {
      // A long body comes in many pieces: they are joined once as many bytes are there as its length says.
      let pieces: Array<Buffer> = []
      let size = 0
      let wanted = 0
      socket.on("data", (bytes: Buffer) => {
        connection.bytesRead += bytes.length
        pieces.push(bytes)
        size += bytes.length
        if (size >= wanted && !takenOver) {
          buffered = Buffer.concat([buffered, ...pieces])
          pieces = []
          size = 0
          try {
            while (next());
          } catch (fault) {
            server.faults.push(fault)
            socket.destroy()
          }
          wanted = missing(buffered)
        }
        server.changed()
      })
    }
    socket.on("end", () => {
      connection.ended = true
      server.changed()
      if (!socket.writableEnded && options.deaf !== true) socket.end()
    })
    socket.on("error", () => {
      connection.ended = true
      server.changed()
    })
    socket.on("drain", () => server.changed())
    socket.on("close", () => {
      connection.isOpen = false
      connection.ended = true
      server.open--
      server.changed()
    })
    server.changed()
    options.onConnection?.(reply)
  }
  return options.tls === undefined
    ? Net.createServer({ allowHalfOpen: true }, accept)
    : Tls.createServer({ ...options.tls, allowHalfOpen: true }, accept)
}

/** How many bytes are missing at least. */
const missing = (buffered: Buffer): number => {
  const headEnd = buffered.indexOf("\r\n\r\n")
  if (headEnd < 0) return 1
  const length = /content-length: *(\d+)/i.exec(buffered.toString("latin1", 0, headEnd))?.[1]
  return length === undefined ? 1 : Math.max(headEnd + 4 + Number(length) - buffered.length, 1)
}

/** Serves until the scope closes. Every fault of the server fails the test then. */
export const serve = (
  handler: Handler,
  options: ServeOptions = {}
): Effect.Effect<LoopbackServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<readonly [LoopbackServer, Net.Server]>((resume) => {
      const server = new LoopbackServer(options.tls !== undefined)
      const listener = listen(handler, options, server)
      listener.on("connection", (socket) => {
        server.sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => {
          server.sockets.delete(socket)
          server.changed()
        })
        server.changed()
      })
      listener.on("error", (cause) => resume(Effect.die(cause)))
      listener.listen(0, "127.0.0.1", () => {
        const address = listener.address()
        server.port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed([server, listener] as const))
      })
    }),
    ([server, listener]) =>
      Effect.async<void>((resume) => {
        listener.close(() =>
          resume(server.faults.length === 0 ? Effect.void : Effect.die(new AggregateError(server.faults, "server")))
        )
        for (const connection of server.connections) connection.socket.destroy()
        for (const socket of server.sockets) socket.destroy()
      })
  ).pipe(Effect.map(([server]) => server))

/** A port on which nobody listens. */
export const closedPort: Effect.Effect<number> = Effect.async((resume) => {
  const listener = Net.createServer()
  listener.listen(0, "127.0.0.1", () => {
    const address = listener.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    listener.close(() => resume(Effect.succeed(port)))
  })
})

/** Answers with what it saw, as JSON. */
export const echo: Handler = (request, reply) =>
  reply.send({
    headers: { "content-type": "application/json" },
    body:
      request.method === "HEAD"
        ? ""
        : JSON.stringify({
            method: request.method,
            target: request.target,
            headers: request.headers,
            body: request.text
          })
  })
