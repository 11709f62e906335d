/** Ports that nobody answers on, each in its own way. */
import { fork } from "node:child_process"
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Nobody listens: the kernel refuses. */
export const closed: Effect.Effect<number> = Effect.async((resume) => {
  const listener = Net.createServer()
  listener.listen(0, "127.0.0.1", () => {
    const { port } = listener.address() as Net.AddressInfo
    listener.close(() => resume(Effect.succeed(port)))
  })
})

/**
 * Somebody listens, accepts nobody, and the line is full: the kernel drops what comes, as a firewall would (Linux). It
 * takes a process of its own, because Node accepts whatever its event loop hears of.
 */
export const unanswering: Effect.Effect<number, never, Scope.Scope> = Effect.gen(function* () {
  const script = `
    const listener = require("node:net").createServer()
    process.on("disconnect", () => process.exit())
    listener.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
      process.send(listener.address().port, () =>
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${lifetime}))
    })`
  const [, port] = yield* Effect.acquireRelease(
    Effect.async<readonly [ReturnType<typeof fork>, number]>((resume) => {
      const child = fork("-e", [script], { execArgv: [], execPath: process.execPath })
      child.once("error", (cause) => resume(Effect.die(cause)))
      child.once("message", (port) => resume(Effect.succeed([child, Number(port)])))
    }),
    ([child]) =>
      Effect.async<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  yield* Effect.acquireRelease(
    // As many as the line takes are connected by the kernel; the first that is not shows that it is full.
    Effect.async<ReadonlyArray<Net.Socket>>((resume) => {
      const sockets = Array.from({ length: 8 }, () => Net.connect({ host: "127.0.0.1", port }).on("error", () => {}))
      let connected = 0
      for (const socket of sockets) {
        socket.once("connect", () => {
          if (++connected === backlog + 1) resume(Effect.succeed(sockets))
        })
      }
    }),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => void socket.destroy()))
  )
  return port
})

const backlog = 1

/** The process ends by itself, should nobody end it. Milliseconds. */
const lifetime = 300_000
