import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Peer, type Report, type Settings, type Upstream, urlOf } from "./peer.js"

const path = fileURLToPath(new URL("../fixtures/upstream.mjs", import.meta.url))

type Order = "start" | "report" | "release" | "closeIdle" | "stop"

/** What it says when it has done as told; its end before that is a defect. */
const done = (child: ChildProcess, order: Order): Effect.Effect<unknown> =>
  Effect.async((resume) => {
    const leave = () => {
      child.off("exit", gone)
      child.off("message", said)
    }
    const gone = (code: number | null) => {
      leave()
      resume(Effect.dieMessage(`Node's server ended with ${code}`))
    }
    const said = (message: { readonly order: Order; readonly value: unknown }) => {
      if (message.order !== order) return
      leave()
      resume(Effect.succeed(message.value))
    }
    if (!child.connected) return resume(Effect.dieMessage(`Node's server has ended: it cannot be told to ${order}`))
    child.on("exit", gone)
    child.on("message", said)
    if (order !== "start" && order !== "stop") child.send(order)
    return Effect.sync(leave)
  })

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
  })

interface Child extends Upstream {
  readonly child: ChildProcess
}

const begin = (settings: object): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(path, [JSON.stringify(settings)], { execArgv: [] })),
      (started) => {
        started.kill("SIGKILL")
        return ended(started)
      }
    )
    return {
      child,
      port: Number(yield* done(child, "start")),
      report: Effect.map(done(child, "report"), (said) => said as Report),
      release: Effect.asVoid(done(child, "release"))
    }
  })

/** What the others pass requests on to: it never closes an idle connection first. */
export const upstream: Effect.Effect<Upstream, never, Scope.Scope> = begin({ keepAliveTimeout: 120_000 })

const tlsOptions = ({ tls }: Settings) =>
  tls === undefined
    ? {}
    : {
        tls: {
          cert: tls.certificates.server.cert,
          key: tls.certificates.server.key,
          minVersion: `TLSv${tls.version}`,
          maxVersion: `TLSv${tls.version}`,
          ...(tls.client === true ? { requestCert: true, rejectUnauthorized: true, ca: tls.certificates.ca.cert } : {})
        }
      }

/** Node's own server: nothing stands before it, so it is its own upstream. */
export const node: Peer = {
  name: "Node",
  version: process.versions.node,
  start: (settings) =>
    Effect.gen(function* () {
      const own = yield* begin({
        port: settings.port ?? 0,
        keepAliveTimeout: (settings.idle ?? 75) * 1000,
        maxRequestsPerSocket: settings.requests ?? 0,
        ...tlsOptions(settings)
      })
      const stopped = yield* Effect.forkScoped(done(own.child, "stop"))
      return {
        port: own.port,
        url: urlOf(own.port, settings.tls),
        upstream: own,
        // It has no configuration to read again; what a reload does to clients is that it closes what is idle.
        reload: Effect.asVoid(done(own.child, "closeIdle")),
        beginStop: Effect.sync(() => void own.child.send("stop")),
        stopped: Effect.asVoid(stopped.await)
      }
    })
}
