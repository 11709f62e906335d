import { readdirSync } from "node:fs"
import { Resolver } from "@hotaru/node"
import { ConnectionKey, type Connector, type PoolError } from "@hotaru/pool"
import { Effect } from "effect"

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
    Effect.flip,
    Effect.orDieWith(({ facts }) => new Error(`the dial succeeded: ${JSON.stringify(facts)}`))
  )

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
