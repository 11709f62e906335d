/**
 * What the stories of this folder share: a pool on a fake network, and requests as values.
 */

import { assert } from "@effect/vitest"
import { Connection, ConnectionKey, ConnectionPool, type Lease, type PoolConfig, type PoolError } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, Story } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import type * as Scope from "effect/Scope"
import type { YieldWrap } from "effect/Utils"

export const keyOf = (host: string): ConnectionKey.ConnectionKey =>
  ConnectionKey.make({ host, port: 80, useTls: false })

export const a = keyOf("a.test")
export const b = keyOf("b.test")
export const c = keyOf("c.test")

export interface Here {
  readonly pool: ConnectionPool.ConnectionPoolShape
  readonly network: FakeNetwork.FakeNetworkShape
  readonly story: Story.Story
}

type Environment = ConnectionPool.ConnectionPool | FakeNetwork.FakeNetwork | Scope.Scope

/**
 * A story on a pool of these options. When it has been told, the pool's numbers must agree with each other and nobody
 * may have used a connection against its contract.
 */
export const onPool = <Eff extends YieldWrap<Effect.Effect<any, any, Environment>>>(
  config: Partial<PoolConfig.PoolConfig>,
  tell: (here: Here) => Generator<Eff, void, never>,
  options: FakeNetwork.FakeNetworkOptions = {}
): Effect.Effect<void, [Eff] extends [YieldWrap<Effect.Effect<any, infer E, any>>] ? E : never> =>
  Effect.gen(function* () {
    const pool = yield* ConnectionPool.ConnectionPool
    const network = yield* FakeNetwork.FakeNetwork
    const story = yield* Story.make
    yield* tell({ pool, network, story }) as Generator<any, void, any>
    yield* network.settle
    yield* expectConsistent(pool)
    assert.deepStrictEqual(network.violations, [])
  }).pipe(Effect.scoped, Effect.provide(FakeNetwork.poolLayer(config, options))) as never

/** {@link onPool}, on a network where every dial succeeds at once: no story about dials. */
export const onOpenNetwork: typeof onPool = (config, tell) => onPool(config, tell, { autoAccept: true })

/** The whole is the sum of the hosts, and what was opened is open or was closed. */
export const expectConsistent = (pool: ConnectionPool.ConnectionPoolShape) =>
  Effect.gen(function* () {
    const stats = yield* pool.stats
    const hosts = Array.from(HashMap.values(yield* pool.hostStats))
    const sum = (of: (host: (typeof hosts)[number]) => number) => hosts.reduce((total, host) => total + of(host), 0)
    assert.deepStrictEqual(
      [stats.pooledConnections, stats.activeConnections, stats.openingConnections, stats.pendingAcquires, stats.hosts],
      [
        sum((h) => h.pooledConnections),
        sum((h) => h.activeConnections),
        sum((h) => h.openingConnections),
        sum((h) => h.pendingAcquires),
        hosts.length
      ]
    )
    const closed = Object.values(stats.closed).reduce((total, n) => total + n, 0)
    assert.strictEqual(stats.created, closed + stats.pooledConnections + stats.activeConnections)
  })

/** A request as a value: what became of it can be looked at at any moment. */
export class Asked {
  lease: Lease.Lease | undefined = undefined
  error: PoolError.AcquireError | undefined = undefined
  /** Leases and refusals it was told of; more than one would break the promise. */
  answers = 0
  private pending: Lease.PendingLease | undefined = undefined
  private left: boolean | undefined = undefined

  constructor(
    readonly name: string,
    private readonly order: Array<string> = []
  ) {}

  onLease(lease: Lease.Lease): void {
    this.answers++
    this.lease = lease
    this.order.push(this.name)
  }

  onRefused(error: PoolError.AcquireError): void {
    this.answers++
    this.error = error
  }

  begin(
    pool: ConnectionPool.ConnectionPoolShape,
    key: ConnectionKey.ConnectionKey,
    options?: Lease.LeaseRequestOptions
  ): this {
    this.pending = pool.unsafe.request(key, this, options)
    return this
  }

  get waiting(): boolean {
    return this.answers === 0 && this.left !== true
  }

  cancel(): boolean {
    this.left = (this.pending as Lease.PendingLease).cancel()
    return this.left
  }

  /** The lease it must have by now. */
  get held(): Lease.Lease {
    assert.isDefined(this.lease, `${this.name} has no lease: ${this.error?.message ?? "it waits"}`)
    return this.lease as Lease.Lease
  }
}

/** Puts a request in line. */
export const ask = (
  pool: ConnectionPool.ConnectionPoolShape,
  key: ConnectionKey.ConnectionKey,
  options?: Lease.LeaseRequestOptions
): Asked => new Asked("request").begin(pool, key, options)

/** An exchange, as far as the pool can see one: bytes out, bytes in. */
export const exchange = (lease: Lease.Lease, network: FakeNetwork.FakeNetworkShape): void => {
  lease.connection.receiver = Connection.silentReceiver
  lease.connection.write("ping")
  socketOf(lease, network).send("pong")
}

export const socketOf = (lease: Lease.Lease, network: FakeNetwork.FakeNetworkShape): FakeSocket.FakeSocket => {
  // From the end: among ten thousand, the latest is most often meant.
  for (let i = network.sockets.length - 1; i >= 0; i--) {
    const socket = network.sockets[i]
    if (socket?.connection === lease.connection) return socket
  }
  throw new Error("the lease is on no connection of this network")
}

export const hostStatsOf = (pool: ConnectionPool.ConnectionPoolShape, key: ConnectionKey.ConnectionKey) =>
  Effect.map(pool.hostStats, (hosts) => HashMap.get(hosts, key))
