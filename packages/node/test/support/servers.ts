/** Servers on loopback, closed with everything they accepted when the scope closes. */
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Tls from "node:tls"
import { Effect, Queue, type Scope } from "effect"

export interface Listening {
  readonly port: number
  readonly server: Net.Server
  /** What was accepted, in order. */
  readonly accepted: Queue.Dequeue<Net.Socket>
  readonly acceptedCount: () => number
  /** Resets the newest transport, below TLS where there is TLS. */
  readonly reset: () => void
  /** Sockets open on the server's side. */
  readonly openCount: () => number
}

const start = (
  server: Net.Server,
  event: "connection" | "secureConnection",
  where: { readonly host?: string; readonly port?: number; readonly path?: string; readonly backlog?: number },
  onSocket: (socket: Net.Socket) => void
): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.gen(function* () {
    const accepted = yield* Queue.unbounded<Net.Socket>()
    const open = new Set<Net.Socket>()
    let count = 0
    let newest: Net.Socket | undefined
    server.on("connection", (socket: Net.Socket) => {
      newest = socket
      open.add(socket)
      socket.on("close", () => open.delete(socket))
      socket.on("error", () => {})
    })
    server.on(event, (socket: Net.Socket) => {
      count++
      socket.on("error", () => {})
      onSocket(socket)
      accepted.unsafeOffer(socket)
    })
    server.on("tlsClientError", () => {})
    yield* Effect.acquireRelease(
      Effect.async<void, Error>((resume) => {
        server.once("error", (error) => resume(Effect.fail(error)))
        server.listen(where.path === undefined ? { host: "127.0.0.1", port: 0, ...where } : { path: where.path }, () =>
          resume(Effect.void)
        )
      }),
      () =>
        Effect.async<void>((resume) => {
          for (const socket of open) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    ).pipe(Effect.orDie)
    const address = server.address()
    return {
      port: address !== null && typeof address === "object" ? address.port : 1,
      server,
      accepted,
      acceptedCount: () => count,
      openCount: () => open.size,
      reset: () => {
        newest?.resetAndDestroy()
      }
    }
  })

const nothing = () => {}

export const listen = (
  options: { readonly onSocket?: (socket: Net.Socket) => void; readonly host?: string; readonly port?: number } & {
    readonly halfOpen?: boolean
  } = {}
): Effect.Effect<Listening, never, Scope.Scope> => {
  const { halfOpen = false, onSocket = nothing, ...where } = options
  return start(Net.createServer({ allowHalfOpen: halfOpen }), "connection", where, onSocket)
}

export const listenTls = (
  tls: Tls.TlsOptions,
  options: { readonly onSocket?: (socket: Net.Socket) => void; readonly path?: string; readonly host?: string } & {
    readonly port?: number
  } = {}
): Effect.Effect<Listening, never, Scope.Scope> => {
  const { onSocket = nothing, ...where } = options
  return start(Tls.createServer(tls), "secureConnection", where, onSocket)
}

export const temporaryPath = (name: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "hotaru-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    ),
    (directory) => join(directory, name)
  )

export const listenUnix = (
  path: string,
  onSocket: (socket: Net.Socket) => void = nothing
): Effect.Effect<Listening, never, Scope.Scope> => start(Net.createServer(), "connection", { path } as never, onSocket)

/** A port on which nobody listens. */
export const closedPort: Effect.Effect<number> = Effect.scoped(Effect.map(listen(), ({ port }) => port))
