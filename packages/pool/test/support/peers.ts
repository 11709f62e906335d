/**
 * What the stories about peers share: exchanges that go well, connections that idle, events as they came.
 */

import type { ConnectionKey, ConnectionPool, PoolEvent } from "@hotaru/pool"
import { Lease } from "@hotaru/pool"
import type { FakeNetwork, FakeSocket } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { ask, exchange, type Here, socketOf } from "./stories.js"

type Pool = ConnectionPool.ConnectionPoolShape
type Network = FakeNetwork.FakeNetworkShape

/** The connection goes back. */
export const give = (lease: Lease.Lease): void => lease.settle(Lease.Reusable())

/** A whole exchange, after which the connection goes back. */
export const answered = (lease: Lease.Lease, network: Network): void => {
  exchange(lease, network)
  lease.heard()
  give(lease)
}

/** The host comes to have `n` connections, each of which has carried an exchange; they are idle from now on. */
export const idleConnections = (
  { network, pool, story }: Here,
  key: ConnectionKey.ConnectionKey,
  n: number
): Effect.Effect<ReadonlyArray<FakeSocket.FakeSocket>> =>
  Effect.gen(function* () {
    const asked = Array.from({ length: n }, () => ask(pool, key))
    yield* story.settle
    const sockets = asked.map((one) => socketOf(one.held, network))
    for (const one of asked) answered(one.held, network)
    yield* story.settle
    return sockets
  })

/** What has happened since the last look. */
export const told = (events: Queue.Dequeue<PoolEvent.PoolEvent>): Effect.Effect<ReadonlyArray<PoolEvent.PoolEvent>> =>
  Effect.map(Queue.takeAll(events), (chunk) => Array.from(chunk))

/** Of what has happened since the last look, the events of one kind. */
export const toldOf = <Tag extends PoolEvent.PoolEvent["_tag"]>(
  events: Queue.Dequeue<PoolEvent.PoolEvent>,
  tag: Tag
): Effect.Effect<ReadonlyArray<Extract<PoolEvent.PoolEvent, { readonly _tag: Tag }>>> =>
  Effect.map(told(events), (all) =>
    all.filter((event): event is Extract<PoolEvent.PoolEvent, { readonly _tag: Tag }> => event._tag === tag)
  )

/** How each connection of the network ended, in the order of opening; undefined for those that are open. */
export const fates = (network: Network): ReadonlyArray<string | undefined> =>
  network.sockets.map((socket) => socket.destroyed)

/** The dials that have neither ended nor been given up. */
export const pendingDials = (network: Network): number =>
  network.dials.filter((dial) => dial.state === "pending").length

/** The numbers that most stories look at. */
export const counts = (pool: Pool) =>
  Effect.map(pool.stats, ({ activeConnections, openingConnections, pendingAcquires, pooledConnections }) => ({
    idle: pooledConnections,
    active: activeConnections,
    opening: openingConnections,
    waiting: pendingAcquires
  }))
