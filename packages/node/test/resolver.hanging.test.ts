import Dns from "node:dns"
import { syncBuiltinESMExports } from "node:module"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnectionPool, NodeConnector, Resolver } from "@hotaru/node"
import { ConnectionKey, ConnectionPool, type PoolConfig, type PoolError } from "@hotaru/pool"
import { Context, Effect, Exit, Fiber, Layer, Option, TestClock } from "effect"
import { afterEach, vi } from "vitest"
import { mostLookups, mostSystemLookups } from "../src/internal/resolving.js"
import { plain, refusal } from "./support/dialling.js"

/** What `dns.lookup` is for all who import it. */
const systemLookup = (answer: (...args: ReadonlyArray<never>) => unknown) => {
  const spy = vi.spyOn(Dns, "lookup").mockImplementation(answer as never)
  syncBuiltinESMExports()
  return spy
}

afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  vi.unstubAllEnvs()
})

const key = (host: string) => ConnectionKey.make({ host, port: 80, useTls: false })

/** Look-ups of which those of `good.*` fail at once and all others never end, or not even when they are interrupted. */
const hanging = (evenInterrupted = false) => {
  const seen = { begun: [] as Array<string>, interrupted: [] as Array<string> }
  const never = (host: string) => {
    const hung = Effect.onInterrupt(
      Effect.async<never>(() => {}),
      () => Effect.sync(() => void seen.interrupted.push(host))
    )
    return evenInterrupted ? Effect.uninterruptible(hung) : hung
  }
  const resolver: Resolver.ResolverShape = {
    lookup: (host) => {
      seen.begun.push(host)
      return host.startsWith("good.")
        ? Effect.fail(new Resolver.ResolveError({ host, code: "ENOTFOUND" }))
        : never(host)
    }
  }
  return { seen, resolver }
}

const pooled = (resolver: Resolver.ResolverShape, config: Partial<PoolConfig.PoolConfig> = {}) =>
  Effect.map(
    Layer.build(NodeConnectionPool.layer({ ...config, connector: { resolver } })),
    Context.get(ConnectionPool.ConnectionPool)
  )

const lease = (pool: ConnectionPool.ConnectionPoolShape, host: string) =>
  Effect.fork(Effect.exit(pool.lease(key(host))))

const failureOf = (fiber: Fiber.Fiber<Exit.Exit<unknown, PoolError.AcquireError>>) =>
  Effect.map(Fiber.join(fiber), (exit) => {
    assert.isTrue(Exit.isFailure(exit))
    return Option.getOrThrow(
      Option.flatMap(Exit.causeOption(exit), (cause) =>
        cause._tag === "Fail" ? Option.some(cause.error) : Option.none()
      )
    )
  })

describe("look-ups that never end, of requests that were given up", () => {
  it.scopedLive("are interrupted as the requests leave, long before connectionTimeout", () =>
    Effect.gen(function* () {
      const { resolver, seen } = hanging()
      const pool = yield* pooled(resolver, { drainTimeout: 0 })
      const fibers = yield* Effect.forEach(
        Array.from({ length: 70 }, (_, i) => `a${i}.test`),
        (host) => lease(pool, host)
      )
      yield* Effect.repeat(Effect.yieldNow(), { until: () => seen.begun.length === mostLookups })
      yield* Fiber.interruptAll(fibers)
      yield* Effect.repeat(Effect.yieldNow(), { until: () => seen.interrupted.length === seen.begun.length })
      assert.strictEqual((yield* pool.stats).openingConnections, 0)
    })
  )

  it.scopedLive("go on while another request waits for the same name", () =>
    Effect.gen(function* () {
      const { resolver, seen } = hanging()
      const pool = yield* pooled(resolver, { drainTimeout: 0 })
      const [one, other] = [yield* lease(pool, "a.test"), yield* lease(pool, "a.test")]
      yield* Effect.repeat(Effect.yieldNow(), { until: () => seen.begun.length === 1 })
      yield* Fiber.interrupt(one)
      assert.deepStrictEqual([(yield* pool.stats).openingConnections, seen.interrupted], [1, []])
      yield* Fiber.interrupt(other)
      yield* Effect.repeat(Effect.yieldNow(), { until: () => seen.interrupted.length === 1 })
    })
  )
})

describe("look-ups by a resolver of the user's", () => {
  it.scoped("are interrupted when connectionTimeout has passed, and the names that come after are looked up", () =>
    Effect.gen(function* () {
      const { resolver, seen } = hanging()
      const pool = yield* pooled(resolver, { connectionTimeout: "200 millis" })
      const hung = yield* Effect.forEach(["a.test", "b.test", "c.test"], (host) => lease(pool, host))
      yield* TestClock.adjust("200 millis")
      const errors = yield* Effect.forEach(hung, failureOf)
      assert.sameMembers(seen.interrupted, ["a.test", "b.test", "c.test"])
      assert.lengthOf(seen.begun, 3)
      for (const error of errors) assert.deepInclude(error, { _tag: "ConnectTimeout", phase: "dns" })
      assert.strictEqual(
        errors[0]?.message,
        "Could not connect to http://a.test:80 within 200 ms (connectionTimeout) (dns): " +
          "the look-up of its name has not ended: 1 look-up hangs"
      )
      const good = yield* failureOf(yield* lease(pool, "good.test"))
      assert.deepInclude(good, { _tag: "ConnectError", phase: "dns", code: "ENOTFOUND" })
    })
  )

  it.scoped("are interrupted when the last request that waits for them leaves, and not before", () =>
    Effect.gen(function* () {
      const { resolver, seen } = hanging()
      const connector = yield* NodeConnector.make({ resolver })
      const dial = Effect.fork(Effect.scoped(connector.connect(plain(1, "a.test"))))
      const [one, two] = [yield* dial, yield* dial]
      yield* Effect.yieldNow()
      assert.deepStrictEqual(seen.begun, ["a.test"])
      yield* Fiber.interrupt(one)
      yield* Effect.yieldNow()
      assert.deepStrictEqual(seen.interrupted, [])
      yield* Fiber.interrupt(two)
      yield* Effect.yieldNow()
      assert.deepStrictEqual(seen.interrupted, ["a.test"])
    })
  )

  it.scoped("are interrupted for an IP literal too", () =>
    Effect.gen(function* () {
      const { resolver, seen } = hanging()
      const connector = yield* NodeConnector.make({ resolver })
      const dial = yield* Effect.fork(Effect.scoped(connector.connect(plain(1, "127.0.0.1"))))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(dial)
      yield* Effect.yieldNow()
      assert.deepStrictEqual(seen.interrupted, ["127.0.0.1"])
    })
  )

  it.scoped("do not go on for requests that keep coming: after connectionTimeout they are begun anew", () =>
    Effect.gen(function* () {
      const { resolver, seen } = hanging()
      const pool = yield* pooled(resolver, { connectionTimeout: "10 seconds" })
      const first = yield* lease(pool, "a.test")
      yield* TestClock.adjust("9 seconds")
      const second = yield* lease(pool, "a.test")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(seen, { begun: ["a.test", "a.test"], interrupted: ["a.test"] })
      yield* Fiber.interruptAll([first, second])
    })
  )

  it.scoped("run side by side, 64 of a pool's and no more", () =>
    Effect.gen(function* () {
      assert.strictEqual(mostLookups, 64)
      const { resolver, seen } = hanging()
      const connector = yield* NodeConnector.make({ resolver })
      for (let i = 1; i <= 65; i++) yield* Effect.fork(Effect.scoped(connector.connect(plain(1, `name${i}.test`))))
      yield* Effect.yieldNow()
      assert.lengthOf(seen.begun, 64)
    })
  )

  it.scoped("that cannot be interrupted keep their places, and the error says how many hang", () =>
    Effect.gen(function* () {
      const { resolver, seen } = hanging(true)
      const pool = yield* pooled(resolver, { connectionTimeout: "1 second", maxConnecting: 100 })
      const hung: Array<Fiber.Fiber<Exit.Exit<unknown, PoolError.AcquireError>>> = []
      for (let i = 1; i <= 64; i++) hung.push(yield* lease(pool, `name${i}.test`))
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(hung, failureOf)
      const late = yield* lease(pool, "late.test")
      yield* TestClock.adjust("1 second")
      assert.lengthOf(seen.begun, 64)
      assert.strictEqual(
        (yield* failureOf(late)).message,
        "Could not connect to http://late.test:80 within 1000 ms (connectionTimeout) (dns): " +
          "the look-up of its name has not begun: 64 look-ups hang, and at most 64 run at once"
      )
    })
  )

  it.effect("that cannot be interrupted do not keep a pool from closing", () =>
    Effect.gen(function* () {
      const { resolver, seen } = hanging(true)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const connector = yield* NodeConnector.make({ resolver })
          yield* Effect.fork(Effect.scoped(connector.connect(plain(1, "a.test"))))
          yield* Effect.yieldNow()
        })
      )
      assert.deepStrictEqual(seen.begun, ["a.test"])
    })
  )

  it.scoped("are the user's also where they ask the operating system's on their way", () =>
    Effect.gen(function* () {
      const asked = systemLookup(() => {})
      const wrapped: Resolver.ResolverShape = { lookup: (host) => Resolver.system.lookup(host) }
      const connector = yield* NodeConnector.make({ resolver: wrapped })
      for (const host of ["a.test", "b.test", "c.test", "d.test"])
        yield* Effect.fork(Effect.scoped(connector.connect(plain(1, host))))
      yield* Effect.yieldNow()
      assert.strictEqual(asked.mock.calls.length, 4)
    })
  )
})

describe("look-ups by the operating system", () => {
  it.scoped("are three at once, and the error of a fourth name says that three hang", () =>
    Effect.gen(function* () {
      const asked = systemLookup(() => {})
      const pool = yield* pooled(Resolver.system, { connectionTimeout: "1 second" })
      for (const host of ["a.test", "b.test", "c.test"]) yield* lease(pool, host)
      yield* TestClock.adjust("1 second")
      const fourth = yield* lease(pool, "d.test")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(
        (yield* failureOf(fourth)).message,
        "Could not connect to http://d.test:80 within 1000 ms (connectionTimeout) (dns): the look-up of its name has " +
          "not begun: 3 look-ups hang, and at most 3 run at once (one less than the threads that UV_THREADPOOL_SIZE sets)"
      )
      assert.strictEqual(asked.mock.calls.length, 3)
    })
  )

  it("leave one thread of however many UV_THREADPOOL_SIZE sets, and are one at least", () => {
    const cases: ReadonlyArray<readonly [string | undefined, number]> = [
      [undefined, 3],
      ["8", 7],
      ["2", 1],
      ["1", 1],
      ["0", 1],
      ["", 1],
      ["many", 1],
      ["5000", 1023],
      ["-1", 1023]
    ]
    for (const [size, expected] of cases) {
      vi.stubEnv("UV_THREADPOOL_SIZE", size)
      assert.strictEqual(mostSystemLookups(), expected, String(size))
    }
  })

  it.scoped("come in the order that Node.js is told, and the first family that it names is dialled first", () =>
    Effect.gen(function* () {
      const usual = Dns.getDefaultResultOrder()
      yield* Effect.addFinalizer(() => Effect.sync(() => Dns.setDefaultResultOrder(usual)))
      const given: Array<unknown> = []
      systemLookup((_host: string, options: Dns.LookupAllOptions, done: (error: null, found: unknown) => void) => {
        given.push(options)
        const found = [
          { address: "::1", family: 6 },
          { address: "127.0.0.1", family: 4 }
        ]
        done(null, Dns.getDefaultResultOrder() === "ipv4first" ? found.reverse() : found)
      })
      const connector = yield* NodeConnector.make()
      for (const [order, first] of [
        ["ipv4first", "127.0.0.1"],
        ["verbatim", "::1"]
      ] as const) {
        Dns.setDefaultResultOrder(order)
        // Nothing listens, and a refusal by both is reported as that of the first.
        const { address } = yield* refusal(connector, plain(1, `${order}.test`))
        assert.strictEqual(address, first)
      }
      // No order of ours among the options: Node.js takes the program's.
      assert.deepStrictEqual(given, [{ all: true }, { all: true }])
    })
  )

  it.scoped("fail with a phase of dns where a name is unknown", () =>
    Effect.gen(function* () {
      systemLookup((_host: string, _options: unknown, done: (error: Error) => void) =>
        done(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }))
      )
      const connector = yield* NodeConnector.make()
      const error = yield* refusal(connector, plain(1, "a.test"))
      assert.deepInclude(error, { phase: "dns", code: "ENOTFOUND" })
    })
  )
})
