/** The end of the layer over real sockets: what is busy or in line has its time, the rest is closed, and nothing hangs. */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import { type Reply, serve } from "../peers/support/LoopbackServer.js"
import { noSocketsLeft, turns } from "../support/dialling.js"

const BUSY = 8
const IDLE = 4

const ends: Readonly<Record<string, Exit.Exit<void, string>>> = {
  success: Exit.void,
  failure: Exit.fail("no"),
  interruption: Exit.interrupt(FiberId.none)
}

/** A server that answers `/idle/…` at once and keeps the others for the test to answer; and a client in a scope. */
const setting = (drainTimeout: Duration.DurationInput) =>
  Effect.gen(function* () {
    const held = new Map<string, Reply>()
    const server = yield* serve((request, reply) => {
      if (request.target.startsWith("/idle")) reply.send({ body: request.target })
      else held.set(request.target, reply)
    })
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(
      NodePooledHttpClient.layer({ maxConnectionsPerHost: BUSY + IDLE, drainTimeout }),
      scope
    )
    const client = Context.get(context, HttpClient.HttpClient)
    const pool = Context.get(context, ConnectionPool.ConnectionPool)
    const text = (target: string) =>
      Effect.flatMap(client.get(`${server.url}${target}`), (response) => Effect.as(response.text, target))
    const forkAll = (name: string, count: number) =>
      Effect.forEach(
        Array.from({ length: count }, (_, i) => `/${name}/${i}`),
        (target) => Effect.fork(Effect.exit(text(target)))
      )
    // So many connections are idle and so many busy, each with a request that the server has and does not answer.
    const busy = yield* forkAll("busy", BUSY)
    yield* server.until(() => held.size === BUSY)
    yield* Fiber.joinAll(yield* forkAll("idle", IDLE))
    assert.deepInclude(yield* pool.stats, { activeConnections: BUSY, pooledConnections: IDLE })
    return { server, scope, pool, text, busy, answer: (target: string) => held.get(target)?.send({ body: target }) }
  })

const failureOf = (exit: Exit.Exit<string, unknown>): string => {
  if (exit._tag !== "Failure" || exit.cause._tag !== "Fail") return `not a failure: ${exit}`
  const { _tag, cause, reason } = exit.cause.error as {
    readonly [field in "_tag" | "reason"]: string
  } & { readonly cause: { readonly _tag: string } }
  return `${_tag} ${reason} ${cause._tag}`
}

for (const [clock, test] of [
  ["live", it.scopedLive],
  // Nobody moves a test's clock while a layer closes.
  ["under TestClock", it.scoped]
] as const) {
  describe(`The end of the layer over real sockets, ${clock}`, () => {
    for (const [how, exit] of Object.entries(ends)) {
      test(`by ${how}: idle connections close at once, busy requests are answered, and then it is over`, () =>
        Effect.gen(function* () {
          const { answer, busy, pool, scope, server, text } = yield* setting("1 hour")
          const closing = yield* Effect.fork(Scope.close(scope, exit))
          yield* server.until(() => server.open === BUSY)
          assert.strictEqual(failureOf(yield* Effect.exit(text("/late"))), "RequestError Encode PoolClosed")
          for (let i = 0; i < BUSY; i++) {
            assert.isNull(closing.unsafePoll())
            answer(`/busy/${i}`)
            const exit = yield* Fiber.join(busy[i]!)
            assert.deepStrictEqual(exit, Exit.succeed(`/busy/${i}`))
          }
          yield* Fiber.join(closing)
          const stats = yield* pool.stats
          assert.deepInclude(stats, { activeConnections: 0, pooledConnections: 0, pendingAcquires: 0 })
          assert.strictEqual(stats.closed["Drained"], BUSY + IDLE)
          yield* server.until(() => server.open === 0)
        }))

      test(`by ${how}: what is not answered within drainTimeout is closed`, () =>
        Effect.gen(function* () {
          const { answer, busy, pool, scope, server } = yield* setting("150 millis")
          const closing = yield* Effect.fork(Scope.close(scope, exit))
          yield* server.until(() => server.open === BUSY)
          for (let i = 0; i < BUSY / 2; i++) answer(`/busy/${i}`)
          for (let i = 0; i < BUSY / 2; i++) {
            assert.deepStrictEqual(yield* Fiber.join(busy[i]!), Exit.succeed(`/busy/${i}`))
          }
          yield* Fiber.join(closing)
          const { closed } = yield* pool.stats
          assert.deepStrictEqual([closed["Drained"], closed["DrainTimeout"]], [IDLE + BUSY / 2, BUSY / 2])
          yield* server.until(() => server.open === 0)
          assert.strictEqual(server.requests.length, BUSY + IDLE)
        }))
    }
  })
}

describe("A request that is not answered within drainTimeout", () => {
  it.scopedLive("is told that its connection was closed", () =>
    Effect.gen(function* () {
      const { busy, scope } = yield* setting(0)
      yield* Scope.close(scope, Exit.void)
      // All was decided when the scope had closed; what follows is a hop of the fiber that waits.
      yield* turns(10)
      for (const fiber of busy) {
        const exit = fiber.unsafePoll()
        yield* Fiber.interruptFork(fiber)
        assert.isNotNull(exit)
        assert.strictEqual(failureOf(yield* exit!), "RequestError Transport ConnectionBroken")
      }
    })
  )
})

describe("The end of a runtime that has the layer", () => {
  it.scopedLive("answers 40 requests over 8 connections, those in line too, and none is lost", () =>
    Effect.gen(function* () {
      const held: Array<() => void> = []
      const server = yield* serve((request, reply) => {
        held.push(() => reply.send({ body: request.target }))
      })
      const runtime = ManagedRuntime.make(NodePooledHttpClient.layer({ maxConnectionsPerHost: 8 }))
      const targets = Array.from({ length: 40 }, (_, i) => `/${i}`)
      const all = targets.map((target) =>
        runtime.runPromise(Effect.flatMap(HttpClient.get(`${server.url}${target}`), (response) => response.text))
      )
      yield* server.until(() => held.length === 8)
      const disposed = runtime.dispose()
      let answered = 0
      while (answered < 40) {
        yield* server.until(() => held.length > answered)
        for (; answered < held.length; answered++) held[answered]!()
      }
      assert.deepStrictEqual(yield* Effect.promise(() => Promise.all(all)), targets)
      yield* Effect.promise(() => disposed)
      assert.strictEqual(server.requests.length, 40)
      yield* server.until(() => server.open === 0)
    })
  )

  it.scopedLive("waits no second for a body of 3 MB that is not read, and tells its reader that the pool closed", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ body: "x".repeat(3 * 1024 * 1024) }))
      const runtime = ManagedRuntime.make(NodePooledHttpClient.layer())
      const response = yield* Effect.promise(() => runtime.runPromise(HttpClient.get(server.url)))
      const startedAt = performance.now()
      yield* Effect.promise(() => runtime.dispose())
      assert.isBelow(performance.now() - startedAt, 900)
      const error = yield* Effect.flip(response.text)
      assert.include(error.message, "the pool was closing, and no reader had begun to read it")
    })
  )

  it.scopedLive("answers what is in flight and leaves no socket of this process open", () =>
    Effect.gen(function* () {
      let answer: Reply | undefined
      const program = Effect.gen(function* () {
        const server = yield* serve((_request, reply) => {
          answer = reply
        })
        const runtime = ManagedRuntime.make(NodePooledHttpClient.layer({ drainTimeout: "1 hour" }))
        const text = runtime.runPromise(Effect.flatMap(HttpClient.get(server.url), (response) => response.text))
        yield* server.until(() => answer !== undefined)
        const disposed = runtime.dispose()
        answer?.send({ body: "in time" })
        assert.strictEqual(yield* Effect.promise(() => text), "in time")
        yield* Effect.promise(() => disposed)
      })
      yield* Effect.scoped(program)
      yield* noSocketsLeft
    })
  )
})
