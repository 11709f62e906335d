/** The server of a story: the first request is in the test's hands, every other is answered with what it was. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type LoopbackServer, type Reply, serve } from "../../peers/support/LoopbackServer.js"
import type { Certificates } from "../../support/certificates.js"

/** The server's end of the connection that the first request came on. */
export interface Peer {
  readonly reply: Reply
  /** Writes, and ends when the operating system has taken it, or the connection is gone. */
  readonly write: (bytes: string) => Effect.Effect<void>
  /** Reads on, if it had stopped. */
  readonly readOn: () => void
  readonly stopReading: () => void
  /** Ends with a reset, which follows at once what was written. */
  readonly reset: () => void
  /** Ends when so many bytes have come behind the first request's head, or the client has ended the connection. */
  readonly received: (bytes: number) => Effect.Effect<void>
  /** Ends when the client has ended the connection: what came behind the first request's head. */
  readonly closed: Effect.Effect<string>
}

interface Plan {
  readonly transport?: "tcp" | "tls"
  readonly atHead?: (peer: Peer) => void
}

interface Played {
  readonly server: LoopbackServer
  readonly first: Deferred.Deferred<Peer>
}

export const peer = (plan: Plan, certs: Certificates): Effect.Effect<Played, never, Scope.Scope> =>
  Effect.gen(function* () {
    const first = yield* Deferred.make<Peer>()
    let server: LoopbackServer
    const isFirst = (target: string, { connection }: Reply) => target === "/first" && connection.id === 1
    const hold = (reply: Reply, come: string): Peer => {
      const held = holding(() => server, reply, come)
      Deferred.unsafeDone(first, Effect.succeed(held))
      return held
    }
    server = yield* serve(
      (request, reply) => {
        if (isFirst(request.target, reply)) hold(reply, "")
        else reply.send({ body: `${request.method} ${request.target} ${shortly(request.text)}` })
      },
      {
        ...(plan.transport === "tls" ? { tls: certs.server } : {}),
        onHead: (request, reply) => {
          if (plan.atHead === undefined || !isFirst(request.target, reply)) return false
          plan.atHead(hold(reply, request.text))
          return true
        }
      }
    )
    return { server, first }
  })

const shortly = (text: string): string => (text.length > 100 ? `${text.length} bytes` : text)

const holding = (server: () => LoopbackServer, reply: Reply, come: string): Peer => {
  const { socket } = reply.connection
  const pieces = [come]
  let size = come.length
  // Before the server looks at what has changed.
  socket.prependListener("data", (bytes: Buffer) => {
    pieces.push(bytes.toString("latin1"))
    size += bytes.length
  })
  const until = (holds: () => boolean) => Effect.suspend(() => server().until(holds))
  return {
    reply,
    write: (bytes) => Effect.async<void>((resume) => void socket.write(bytes, "latin1", () => resume(Effect.void))),
    readOn: () => socket.resume(),
    stopReading: () => socket.pause(),
    reset: () => {
      // The first that was accepted; over TLS it lies below `socket`, which cannot be reset.
      const [accepted] = server().sockets
      accepted?.resetAndDestroy()
    },
    received: (bytes) => until(() => size >= bytes || reply.connection.ended),
    closed: Effect.suspend(() => {
      socket.resume()
      return Effect.map(
        until(() => !reply.connection.isOpen),
        () => pieces.join("")
      )
    })
  }
}
