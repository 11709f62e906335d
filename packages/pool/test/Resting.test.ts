/**
 * A connection rests until the event loop has polled once after its last byte: whatever the peer had sent by then is
 * seen before anything is written for the next request.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import { a, ask, exchange, type Here, onPool } from "./support/stories.js"

const ping = (lease: Lease.Lease) => lease.settle(Lease.Reusable())

/** A connection that has carried one exchange and comes back with everything seen so far; turns end by `poll` alone. */
const returned = function* ({ network, pool, story }: Here) {
  const first = ask(pool, a)
  const socket = yield* story.dialSucceeds(yield* story.expectDial())
  exchange(first.held, network)
  ping(first.held)
  return socket
}

const manual = { manualTurns: true }

describe("A connection that has just come back", () => {
  it.effect("is handed out by lease at once, marked as resting until the loop has polled", () =>
    onPool(
      {},
      function* (here) {
        const socket = yield* returned(here)
        const next = ask(here.pool, a).held
        assert.strictEqual(next.connection, socket.connection)
        assert.isTrue(next.resting)
        yield* here.story.poll
        assert.isFalse(next.resting)
      },
      manual
    )
  )

  it.effect("is handed out by acquire and use only after the loop has polled", () =>
    onPool(
      {},
      function* (here) {
        const { pool, story } = here
        const socket = yield* returned(here)
        const using = yield* story.start(
          "use",
          pool.use(a, (connection) =>
            Effect.as(
              Effect.sync(() => connection.write("next")),
              connection
            )
          )
        )
        yield* story.expectWaiting(using)
        assert.strictEqual(socket.writtenText, "ping")
        yield* story.poll
        yield* story.expectServes(socket, using)
        assert.strictEqual(socket.writtenText, "pingnext")
      },
      manual
    )
  )

  it.effect("one that was not read from needs no rest", () =>
    onPool(
      {},
      function* ({ pool, story }) {
        const first = ask(pool, a)
        const socket = yield* story.dialSucceeds(yield* story.expectDial())
        ping(first.held)
        assert.isFalse(ask(pool, a).held.resting)
        assert.strictEqual(socket.counts.turns, 0)
      },
      manual
    )
  )

  const arrivals = [
    ["a FIN", "PeerClosed", (socket: Here["network"]["sockets"][number]) => socket.endLater()],
    ["an RST", "PeerClosed", (socket: Here["network"]["sockets"][number]) => socket.resetLater()],
    [
      "a byte",
      "UnexpectedBytes",
      (socket: Here["network"]["sockets"][number]) => socket.sendLater("HTTP/1.1 200 OK\r\n")
    ]
  ] as const
  for (const [name, reason, arrive] of arrivals) {
    it.effect(`${name} that was there already retires it, and the request moves on to another connection`, () =>
      onPool(
        {},
        function* (here) {
          const { pool, story } = here
          const socket = yield* returned(here)
          arrive(socket)
          const taken = yield* story.start(
            "acquire",
            Effect.scoped(Effect.map(pool.acquire(a), (connection) => connection))
          )
          yield* story.expectWaiting(taken)
          yield* story.poll
          yield* story.expectClosed(socket, reason)
          const second = yield* story.dialSucceeds(yield* story.expectDial())
          yield* story.expectServes(second, taken)
          assert.strictEqual(socket.writtenText, "ping")
        },
        manual
      )
    )

    it.effect(`${name} that was there already retires it while it is parked`, () =>
      onPool(
        {},
        function* (here) {
          const socket = yield* returned(here)
          arrive(socket)
          yield* here.story.poll
          assert.isDefined(socket.destroyed)
          assert.strictEqual((yield* here.pool.stats).hosts, 0)
        },
        manual
      )
    )
  }

  it.effect("the request that moves on keeps its place before all who came later", () =>
    onPool(
      { maxConnectionsPerHost: 1 },
      function* (here) {
        const { pool, story } = here
        const socket = yield* returned(here)
        socket.endLater()
        const first = yield* story.start(
          "first",
          pool.use(a, () => Effect.never)
        )
        const second = yield* story.start(
          "second",
          pool.use(a, () => Effect.never)
        )
        yield* story.poll
        yield* story.dialSucceeds(yield* story.expectDial())
        yield* story.interrupt(first)
        yield* story.dialSucceeds(yield* story.expectDial())
        yield* story.expectWaiting(second)
        yield* story.interrupt(second)
        assert.strictEqual((yield* pool.stats).misses, 3)
      },
      manual
    )
  )

  it.effect("interrupted while it rests, the request gives it back", () =>
    onPool(
      { maxConnectionsPerHost: 1 },
      function* (here) {
        const { pool, story } = here
        const socket = yield* returned(here)
        yield* story.start(
          "leaver",
          pool.use(a, () => Effect.void)
        )
        const next = ask(pool, a)
        assert.isTrue(next.waiting)
        yield* story.interrupt("leaver")
        assert.strictEqual(next.held.connection, socket.connection)
        assert.isTrue(next.held.resting)
      },
      manual
    )
  )
})

describe("A request that leaves in the turn in which it is granted", () => {
  it.effect("passes the connection on", () =>
    onPool({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const held = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial())
      const leaver = yield* Effect.fork(pool.lease(a))
      yield* story.settle
      const next = ask(pool, a)
      ping(held.held)
      leaver.unsafeInterruptAsFork(leaver.id())
      yield* story.settle
      assert.strictEqual(next.held.connection, held.held.connection)
    })
  )

  it.effect("but not one on which something unasked for has arrived meanwhile", () =>
    onPool({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const held = ask(pool, a)
      const socket = yield* story.dialSucceeds(yield* story.expectDial())
      const leaver = yield* Effect.fork(pool.lease(a))
      yield* story.settle
      ping(held.held)
      socket.send("HTTP/1.1 408 Request Timeout\r\n\r\n")
      leaver.unsafeInterruptAsFork(leaver.id())
      yield* story.settle
      yield* story.expectClosed(socket)
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )
})
