/**
 * A network without a network: dials park until the test lets them succeed, fail or hang.
 *
 * @since 0.1.0
 */
import type { ConnectionFacts } from "@hotaru/pool/Connection"
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import * as ConnectionPool from "@hotaru/pool/ConnectionPool"
import { Connector } from "@hotaru/pool/Connector"
import type { PoolConfig } from "@hotaru/pool/PoolConfig"
import type { ConnectPhase } from "@hotaru/pool/PoolError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { FakeSocket } from "./FakeSocket.js"
import { makeNetwork } from "./internal/fakeNetwork.js"

/**
 * What a dial fails with. Everything has a default: a refused TCP connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface DialFailure {
  /** `tcp`. */
  readonly phase?: ConnectPhase | undefined
  /** `ECONNREFUSED`. */
  readonly code?: string | undefined
  readonly detail?: string | undefined
  readonly address?: string | undefined
  /** False. */
  readonly local?: boolean | undefined
  readonly cause?: unknown
}

/**
 * A dial. It stays pending, as a dial that hangs does, until `succeed` or `fail` is called or the client gives up.
 *
 * @since 0.1.0
 * @category models
 */
export interface FakeDial {
  readonly key: ConnectionKey
  /** 1 for the network's first dial. */
  readonly number: number
  readonly state: "pending" | "succeeded" | "failed" | "interrupted"
  /** Whether the client gave up before the dial had ended. */
  readonly interrupted: boolean
  /** The connection, once the dial has succeeded. */
  readonly socket: FakeSocket | undefined
  /** The connection is open. Throws if the dial is not pending. */
  succeed(facts?: ConnectionFacts): FakeSocket
  /** The dial fails. Throws if the dial is not pending. */
  fail(failure?: DialFailure): void
}

/**
 * What serves a connection: a `ScriptedServer`, or an effect of the test's own. It is interrupted when the network's
 * layer closes.
 *
 * @since 0.1.0
 * @category models
 */
export interface SocketHandler {
  readonly serve: (socket: FakeSocket, key: ConnectionKey) => Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface FakeNetworkOptions {
  /**
   * True: nothing that has arrived is seen and no turn ends until `poll`. False (the default): the fake event loop polls
   * by itself, as soon as no fiber can go on, whenever there is something to see or a turn to end.
   */
  readonly manualTurns?: boolean | undefined
  /** Every dial succeeds at once; `true` serves nothing. See `autoAccept`. */
  readonly autoAccept?: SocketHandler | true | undefined
}

/**
 * The test's handles on the network.
 *
 * @since 0.1.0
 * @category models
 */
export interface FakeNetworkShape {
  /** Takes the next dial, waiting for it. Each dial is taken once, in the order of dialling, whether it was interrupted meanwhile or not. */
  readonly nextDial: Effect.Effect<FakeDial>
  /** The dials that `nextDial` has not taken. */
  readonly untaken: ReadonlyArray<FakeDial>
  /** Every dial so far. */
  readonly dials: ReadonlyArray<FakeDial>
  /** Every connection so far. */
  readonly sockets: ReadonlyArray<FakeSocket>
  /** The connections that the client has not destroyed. One that the server has ended counts until the client destroys it. */
  readonly open: ReadonlyArray<FakeSocket>
  /** What a connection of this network is to. */
  readonly keyOf: (socket: FakeSocket) => ConnectionKey | undefined
  /** The most connections that were open at one moment: in all, or to one key. */
  readonly maxOpen: (key?: ConnectionKey) => number
  /** From now on each dial succeeds at once, and the handler, if there is one, serves the connection. */
  readonly autoAccept: (handler?: SocketHandler) => void
  /** Dials park again. */
  readonly park: () => void
  /**
   * Lets every fiber run until it waits, then runs one turn of the event loop: what has arrived is seen, and the turns
   * asked for before end; then lets every fiber run until it waits.
   */
  readonly poll: Effect.Effect<void>
  /** Lets everything run until nothing can go on without the test, the clock or (with `manualTurns`) a poll. */
  readonly settle: Effect.Effect<void>
  /** What clients did against the contract of `Connection`, on any socket. */
  readonly violations: ReadonlyArray<string>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class FakeNetwork extends Context.Tag("@hotaru/testing/FakeNetwork")<FakeNetwork, FakeNetworkShape>() {}

/**
 * A `Connector` on a network of the options given.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = (options: FakeNetworkOptions): Layer.Layer<Connector | FakeNetwork> =>
  Layer.scopedContext(
    Effect.map(makeNetwork(options), ({ connector, network }) =>
      Context.make(FakeNetwork, network).pipe(Context.add(Connector, connector))
    )
  )

/**
 * A `Connector` whose dials park, and the network that lets them succeed or fail.
 *
 * @example
 * ```ts
 * import { ConnectionKey, Connector } from "@hotaru/pool"
 * import { FakeNetwork } from "@hotaru/testing"
 * import { Effect, Fiber } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const network = yield* FakeNetwork.FakeNetwork
 *   const connector = yield* Connector.Connector
 *   const key = ConnectionKey.make({ host: "api.example.com", port: 80, useTls: false })
 *   const fiber = yield* Effect.fork(connector.connect(key))
 *   const dial = yield* network.nextDial
 *   const socket = dial.succeed()
 *   const connection = yield* Fiber.join(fiber)
 *   connection.write("hello")
 *   return socket.writtenText
 * }).pipe(Effect.scoped, Effect.provide(FakeNetwork.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Connector | FakeNetwork> = layerWith({})

/**
 * A pool on a fake network. Two defaults differ from a pool's own, so that a test is the same each time and ends at
 * once: `lifetimeJitter` is 0, because `TestContext` does not fix `Random`, and `drainTimeout` is 0, because nobody moves
 * a test's clock while a layer closes.
 *
 * @example
 * ```ts
 * import { ConnectionKey, ConnectionPool } from "@hotaru/pool"
 * import { FakeNetwork } from "@hotaru/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const network = yield* FakeNetwork.FakeNetwork
 *   const pool = yield* ConnectionPool.ConnectionPool
 *   network.autoAccept()
 *   yield* Effect.scoped(pool.acquire(ConnectionKey.make({ host: "api.example.com", port: 443, useTls: true })))
 *   return yield* pool.stats
 * }).pipe(Effect.provide(FakeNetwork.poolLayer({ maxConnectionsPerHost: 2 })))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const poolLayer = (
  config?: Partial<PoolConfig>,
  options: FakeNetworkOptions = {}
): Layer.Layer<ConnectionPool.ConnectionPool | Connector | FakeNetwork> =>
  Layer.provideMerge(ConnectionPool.layer({ lifetimeJitter: 0, drainTimeout: 0, ...config }), layerWith(options))
