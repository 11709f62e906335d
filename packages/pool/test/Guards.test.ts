/**
 * Callbacks that break their promise not to throw: the log tells of it, nobody else suffers for it, and no place is lost.
 */

import { assert, describe, it } from "@effect/vitest"
import { Connection, ConnectionPool, Connector, Lease, PoolError } from "@hotaru/pool"
import { FakeNetwork } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as TestClock from "effect/TestClock"
import { counts, fates, give } from "./support/peers.js"
import { Asked, a, ask, onOpenNetwork, onPool } from "./support/stories.js"

const boom = (): never => {
  throw new Error("boom")
}

/** What is logged as an error, with causes. */
const recording = () => {
  const errors: Array<string> = []
  const logger = Logger.make(({ cause, logLevel, message }) => {
    if (!LogLevel.greaterThanEqual(logLevel, LogLevel.Error)) return
    errors.push(`${[message].flat().map(String).join(" ")} ${Cause.isEmpty(cause) ? "" : Cause.pretty(cause)}`)
  })
  return { errors, layer: Logger.replace(Logger.defaultLogger, logger) }
}

describe("A callback that throws", () => {
  for (const at of ["in line", "with a connection idle"] as const) {
    it.effect(`onLease, ${at}: the connection is closed, and its place is the next one's`, () => {
      const { errors, layer } = recording()
      return onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
        if (at !== "in line") give(yield* pool.lease(a))
        pool.unsafe.request(a, { onLease: boom, onRefused: () => {} })
        const next = ask(pool, a)
        yield* story.settle
        assert.isDefined(next.lease)
        assert.deepStrictEqual(fates(network), ["UseFailed", undefined])
        assert.deepStrictEqual(yield* counts(pool), { idle: 0, active: 1, opening: 0, waiting: 0 })
        assert.strictEqual(errors.length, 1)
        assert.match(errors[0] as string, /A callback of a connection pool threw.*boom/s)
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("reclaim: its lease ends, and whoever waits is served", () => {
    const { errors, layer } = recording()
    return onOpenNetwork({ maxConnectionsPerHost: 2 }, function* ({ network, pool, story }) {
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(a)]
      let second = 0
      one.offer(boom)
      two.offer(() => {
        second++
        give(two)
      })
      yield* TestClock.adjust("2 seconds")
      const waiter = ask(pool, a)
      yield* story.settle
      assert.isDefined(waiter.lease)
      assert.isTrue(one.settled)
      assert.deepStrictEqual(fates(network), ["ReclaimFailed", undefined, undefined])
      // One request was worth one answer.
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(second, 0)
      assert.strictEqual(errors.length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("a deadline's: the others that are due ring, and those to come", () => {
    const { layer } = recording()
    return onOpenNetwork({}, function* ({ pool }) {
      const rang: Array<string> = []
      const { deadlines } = pool.unsafe
      deadlines.set(1000, boom)
      deadlines.set(1000, () => rang.push("same list"))
      yield* TestClock.adjust(1)
      deadlines.set(999, () => rang.push("other list"))
      deadlines.set(2000, () => rang.push("later"))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(rang.sort(), ["other list", "same list"])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(rang, ["other list", "same list", "later"])
      // One that is set after the defect rings as well.
      deadlines.set(1000, () => rang.push("new"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(rang.at(-1), "new")
    }).pipe(Effect.provide(layer))
  })

  it.effect("a receiver's onError, told that the pool closed it: the scopes of all connections are closed", () => {
    const { errors, layer } = recording()
    return Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const inner = yield* Connector.Connector
      let closed = 0
      const connector: Connector.ConnectorShape = {
        connect: (key) =>
          Effect.zipRight(
            Effect.addFinalizer(() => Effect.sync(() => closed++)),
            inner.connect(key)
          )
      }
      const pool = yield* ConnectionPool.make({ drainTimeout: "1 second" }).pipe(
        Effect.provideService(Connector.Connector, connector)
      )
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(a)]
      const told: Array<unknown> = []
      one.connection.receiver = { ...Connection.silentReceiver, onError: boom }
      two.connection.receiver = { ...Connection.silentReceiver, onError: (error) => told.push(error) }
      const drain = yield* Effect.fork(pool.drainHost(a))
      yield* network.settle
      yield* TestClock.adjust("1 second")
      yield* drain.await
      yield* network.settle
      assert.deepStrictEqual(fates(network), ["DrainTimeout", "DrainTimeout"])
      assert.deepStrictEqual([closed, told.length, errors.length], [2, 1, 1])
      assert.instanceOf(told[0], PoolError.LeaseRevoked)
    }).pipe(Effect.scoped, Effect.provide(FakeNetwork.layerWith({ autoAccept: true })), Effect.provide(layer))
  })

  it.effect("perHost: the request dies, and nothing is left of it", () => {
    let calls = 0
    const perHost = () => {
      calls++
      return boom()
    }
    return onPool({ perHost }, function* ({ network, pool }) {
      const exit = yield* Effect.exit(pool.lease(a))
      assert.isTrue(exit._tag === "Failure" && Cause.isDie(exit.cause))
      assert.deepStrictEqual([calls, network.dials.length, (yield* pool.stats).hosts], [1, 0, 0])
      assert.deepStrictEqual(yield* counts(pool), { idle: 0, active: 0, opening: 0, waiting: 0 })
    })
  })

  it.effect("perHost, when asked a second time: a request that is sent again is not asked about again", () => {
    let calls = 0
    const perHost = () => (calls++ > 0 ? boom() : undefined)
    return onOpenNetwork({ perHost }, function* ({ pool, story }) {
      const lease = yield* pool.lease(a)
      lease.connection.write("ping")
      lease.settle(Lease.Broken("Stale"))
      yield* story.settle
      // The host was forgotten meanwhile: it had nothing but that connection.
      assert.strictEqual((yield* pool.stats).hosts, 0)
      const again = new Asked("again").begin(pool, a, { replaces: lease, fresh: true })
      yield* story.settle
      assert.isDefined(again.lease)
      assert.strictEqual(calls, 1)
    })
  })
})
