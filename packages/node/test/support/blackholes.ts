import { fork } from "node:child_process"
import * as Net from "node:net"
import { Effect } from "effect"

/**
 * Addresses whose connection attempts get no answer: listeners with a full backlog, in a process that never accepts. The
 * kernel drops what comes after, as a firewall would.
 */
export const blackholes = (port: number, hosts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const script = `
      const net = require("node:net")
      const [port, ...hosts] = process.argv.slice(1)
      let left = hosts.length
      for (const host of hosts) {
        net.createServer().listen({ host, port: Number(port), backlog: 1 }, () => {
          if (--left > 0) return
          process.send("listening", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20000))
        })
      }`
    yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof fork>, Error>((resume) => {
        const child = fork("-e", [script, String(port), ...hosts], { execArgv: [], execPath: process.execPath })
        child.once("error", (error) => resume(Effect.fail(error)))
        child.once("message", () => resume(Effect.succeed(child)))
      }),
      (child) =>
        Effect.async<void>((resume) => {
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    // As many as the backlog takes are connected; the attempts after them hang.
    yield* Effect.forEach(hosts, (host) =>
      Effect.acquireRelease(
        Effect.sync(() => Array.from({ length: 8 }, () => Net.connect({ host, port }).on("error", () => {}))),
        (sockets) => Effect.sync(() => sockets.forEach((socket) => void socket.destroy()))
      ).pipe(
        Effect.flatMap((sockets) =>
          Effect.async<void>((resume) => {
            let connected = 0
            for (const socket of sockets) {
              socket.once("connect", () => {
                if (++connected === 2) resume(Effect.void)
              })
            }
          })
        )
      )
    )
  })
