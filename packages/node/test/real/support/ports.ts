/** Ports for servers that must be told one. */
import * as Net from "node:net"
import * as Effect from "effect/Effect"

/**
 * Below those that the system gives to outgoing connections, so that nobody takes one between the look and the start.
 * Each process begins at a place of its own.
 */
const first = 12_000
const count = 20_000
let at = (process.pid * 97) % count

const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    const probe = Net.createServer()
    probe.once("error", () => resume(Effect.succeed(false)))
    probe.listen(port, "127.0.0.1", () => probe.close(() => resume(Effect.succeed(true))))
  })

/** A port on which nobody listens, and which is given to nobody else in this process. */
export const freePort: Effect.Effect<number> = Effect.suspend(() => {
  at = (at + 1) % count
  const port = first + at
  return Effect.flatMap(isFree(port), (free) => (free ? Effect.succeed(port) : freePort))
})
