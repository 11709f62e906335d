import { readdirSync } from "node:fs"
import { type NodeConnector, Resolver } from "@hotaru/node"
import { type Connection, ConnectionKey, type Connector, type PoolError } from "@hotaru/pool"
import { Effect, type Scope } from "effect"
import { Dial } from "../../src/internal/dial.js"
import { guarding } from "../../src/internal/egressGuard.js"
import { Failures } from "../../src/internal/failures.js"
import type { Later } from "../../src/internal/race.js"
import { lookupsOf } from "../../src/internal/resolving.js"
import { settingsOf } from "../../src/internal/settings.js"

/** Names and their addresses; every other name is unknown. IP literals are themselves. */
export const names = (known: { readonly [host: string]: ReadonlyArray<string> }): Resolver.ResolverShape => ({
  lookup: (host) => {
    const addresses = known[host] ?? (/^[0-9.]+$|:/.test(host) ? [host] : undefined)
    return addresses === undefined
      ? Effect.fail(new Resolver.ResolveError({ host, code: "ENOTFOUND" }))
      : Effect.succeed(addresses)
  }
})

export const plain = (port: number, host = "127.0.0.1"): ConnectionKey.ConnectionKey =>
  ConnectionKey.make({ host, port, useTls: false })

export const secure = (
  port: number,
  host = "localhost",
  rest: Partial<ConnectionKey.ConnectionKeyParts> = {}
): ConnectionKey.ConnectionKey => ConnectionKey.make({ ...rest, host, port, useTls: true })

/** The dial's failure; a dial that succeeds is a defect of the test. */
export const refusal = (
  connector: Connector.ConnectorShape,
  key: ConnectionKey.ConnectionKey
): Effect.Effect<PoolError.ConnectError> =>
  Effect.scoped(connector.connect(key)).pipe(
    Effect.catchTag("EgressDenied", Effect.die),
    Effect.flip,
    Effect.orDieWith(({ facts }) => new Error(`the dial succeeded: ${JSON.stringify(facts)}`))
  )

/** The policy's denial of a dial; any other end is a defect of the test. */
export const denial = (
  connector: Connector.ConnectorShape,
  key: ConnectionKey.ConnectionKey
): Effect.Effect<PoolError.EgressDenied> =>
  Effect.scoped(connector.connect(key)).pipe(
    Effect.catchTag("ConnectError", Effect.die),
    Effect.flip,
    Effect.orDieWith(({ facts }) => new Error(`the dial succeeded: ${JSON.stringify(facts)}`))
  )

/** Timers that run out when the test says so. */
export const heldTimers = () => {
  const armed = new Map<() => void, number>()
  const later: Later = (run, millis) => {
    const once = () => run()
    armed.set(once, millis)
    return () => void armed.delete(once)
  }
  return {
    later,
    /** The delays of those that are running. */
    delays: (): ReadonlyArray<number> => [...armed.values()],
    /** All that are running run out. */
    fire: (): void => {
      const due = [...armed.keys()]
      armed.clear()
      for (const run of due) run()
    }
  }
}

/** What `NodeConnector.make` makes, with timers of the test's own. */
export const dialling = (
  options: NodeConnector.NodeConnectorOptions & { readonly resolver: Resolver.ResolverShape },
  later: Later,
  now: () => number = () => performance.now()
): Effect.Effect<Connector.ConnectorShape, never, Scope.Scope> =>
  Effect.gen(function* () {
    const lookups = yield* lookupsOf(options.resolver, now)
    const guard = options.egress === undefined ? undefined : yield* guarding(options.egress)
    const { identity, ...settings } = settingsOf(options)
    const dialler = {
      ...settings,
      lookups,
      failures: new Failures(now),
      later,
      guard
    }
    return {
      connect: (key) =>
        Effect.tap(
          Effect.async<Connection.Connection, PoolError.ConnectError | PoolError.EgressDenied>((resume) => {
            const dial = new Dial(dialler, key, key.useTls ? identity : undefined, {
              onOpened: (connection) => resume(Effect.succeed(connection)),
              onFailed: (error) => resume(Effect.fail(error))
            })
            dial.start()
            return Effect.sync(() => dial.abort())
          }),
          (connection) => Effect.addFinalizer(() => Effect.sync(() => connection.destroy("the scope was closed")))
        )
    }
  })

/** Sockets of this process that are open or being opened. */
export const openSockets = (): number =>
  process
    .getActiveResourcesInfo()
    .filter((name) => /^(TCPSocketWrap|PipeWrap|TLSWrap|TCPConnectWrap|PipeConnectWrap)$/.test(name)).length

const atStart = openSockets()

/**
 * Ends when this process has no sockets beyond those it had when the file began; a closed one is let go by the event
 * loop, not by the call that closed it. Fails if that does not happen within many turns of the loop.
 */
export const noSocketsLeft: Effect.Effect<void> = Effect.async((resume) => {
  const look = (turns: number): void => {
    if (openSockets() === atStart) return resume(Effect.void)
    if (turns === 0) return resume(Effect.die(new Error(`sockets left open: ${process.getActiveResourcesInfo()}`)))
    setImmediate(look, turns - 1)
  }
  look(1000)
})

/** Descriptors this process has open, at this very moment. */
export const descriptors = (): number => readdirSync("/proc/self/fd").length

/** Lets the event loop turn until something holds. */
export const turnUntil = (holds: () => boolean): Effect.Effect<void> =>
  Effect.async((resume) => {
    const look = (): void => {
      if (holds()) resume(Effect.void)
      else setImmediate(look)
    }
    look()
  })

/** Lets the event loop turn so many times. */
export const turns = (count: number): Effect.Effect<void> => {
  let left = count
  return turnUntil(() => left-- <= 0)
}
