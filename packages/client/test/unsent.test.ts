import { Readable } from "node:stream"
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety, PooledHttpClient } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { clientLayer, type Env, get, kindOf, post, socketNumber } from "./support.js"

/** Something that is open until it is read or let go of. */
interface Source {
  readonly body: object
  readonly isClosed: () => boolean
  readonly read: () => number
}

const readable = (): Source => {
  let read = 0
  const body = new Readable({
    read() {
      read++
      this.push("body")
      this.push(null)
    }
  })
  return { body, isClosed: () => body.destroyed, read: () => read }
}

const readableStream = (): Source => {
  let closed = false
  let read = 0
  const source: UnderlyingDefaultSource<Uint8Array> = {
    pull: (controller) => {
      read++
      controller.enqueue(new TextEncoder().encode("body"))
      controller.close()
    },
    cancel: () => {
      closed = true
    }
  }
  // Without a queue nothing is pulled before somebody reads.
  const body = new ReadableStream(source, new CountQueuingStrategy({ highWaterMark: 0 }))
  return { body, isClosed: () => closed, read: () => read }
}

const carrying = (body: object) => post().pipe(HttpClientRequest.setBody(HttpBody.raw(body)))

type Refusal = (request: HttpClientRequest.HttpClientRequest) => Effect.Effect<unknown, unknown, Env>

const settle = Effect.flatMap(FakeNetwork.FakeNetwork, ({ settle }) => settle)

/** Holds the only connection. */
const occupied = Effect.zipRight(Effect.fork(HttpClient.execute(get())), socketNumber(0))

const interrupted: Refusal = (request) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(HttpClient.execute(request))
    yield* settle
    yield* Fiber.interrupt(fiber)
  })

const refusals: ReadonlyArray<readonly [what: string, expected: string | undefined, Refusal]> = [
  [
    "its URL is none",
    "RequestError InvalidUrl InvalidUrl",
    (r) => HttpClient.execute(HttpClientRequest.setUrl(r, "no"))
  ],
  [
    "a header of it may not be sent",
    "RequestError Encode InvalidRequest",
    (request) => HttpClient.execute(request.pipe(HttpClientRequest.setHeader("x", "a\nb")))
  ],
  [
    "its method is not allowed",
    "RequestError Encode MethodNotAllowed",
    (request) => HttpSafety.withLimits(HttpClient.execute(request), { allowedMethods: ["GET"] })
  ],
  [
    "the pool is closed",
    "RequestError Encode PoolClosed",
    (request) =>
      Effect.zipRight(
        Effect.flatMap(ConnectionPool.ConnectionPool, ({ drain }) => drain),
        HttpClient.execute(request)
      )
  ],
  [
    "no connection becomes free in time",
    "RequestError Transport AcquireTimeout",
    (request) =>
      Effect.gen(function* () {
        yield* occupied
        const fiber = yield* Effect.fork(HttpClient.execute(request))
        yield* settle
        yield* TestClock.adjust("30 seconds")
        yield* Fiber.join(fiber)
      })
  ],
  [
    "its requestTimeout passes while it waits in line",
    "RequestError Transport ExchangeTimeout",
    (request) =>
      Effect.gen(function* () {
        yield* occupied
        const fiber = yield* Effect.fork(HttpClient.execute(request))
        yield* settle
        yield* TestClock.adjust("1 seconds")
        yield* Fiber.join(fiber)
      }).pipe(HttpSafety.withLimits({ requestTimeout: "1 seconds" }))
  ],
  ["it is interrupted in line", undefined, (request) => Effect.zipRight(occupied, interrupted(request))],
  [
    "its dial fails",
    "RequestError Transport ConnectError",
    (request) =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        network.park()
        const fiber = yield* Effect.fork(HttpClient.execute(request))
        ;(yield* network.nextDial).fail()
        yield* Fiber.join(fiber)
      })
  ]
]

const throws = (): never => {
  throw new Error("a program's own function")
}

type Disturbance = (executed: Effect.Effect<unknown, unknown, Env>) => Effect.Effect<unknown, unknown, Env>

const disturbances: ReadonlyArray<readonly [what: string, disturb: Disturbance]> = [
  [
    "limits made by hand make no sense",
    Effect.provideService(HttpSafety.HttpSafety, { ...HttpSafety.defaults, maxBodySize: -1 })
  ],
  ["a program's own rule on spans throws", Effect.locally(HttpClient.currentTracerDisabledWhen, throws)],
  ["a target has what no target has", Effect.provideService(PooledHttpClient.Target, { host: "evil.test" } as never)]
]

describe.each([
  ["a Readable", readable],
  ["a ReadableStream", readableStream]
] as const)("%s as the body of a request", (_what, make) => {
  for (const [why, expected, refuse] of refusals) {
    it.effect(`is closed, unread, when ${why}`, () =>
      Effect.gen(function* () {
        const { body, isClosed, read } = make()
        const request = carrying(body)
        const result = yield* Effect.either(refuse(request))
        yield* settle
        assert.strictEqual(result._tag === "Left" ? kindOf(result.left as never) : undefined, expected)
        assert.isTrue(isClosed())
        assert.strictEqual(read(), 0)
        if (result._tag === "Left") {
          assert.isFalse(PooledHttpClient.isSafeToRetry(result.left), "what it carried is gone")
        }
      }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
    )
  }

  for (const [what, disturb] of disturbances) {
    it.effect(`is closed, unread, when ${what}`, () =>
      Effect.gen(function* () {
        const { body, isClosed, read } = make()
        const exit = yield* Effect.exit(disturb(HttpClient.execute(carrying(body))))
        assert.strictEqual(Exit.isFailure(exit) ? Cause.isDie(exit.cause) : undefined, true)
        yield* settle
        assert.deepStrictEqual([isClosed(), read()], [true, 0])
      }).pipe(Effect.provide(clientLayer()))
    )
  }

  it.effect("is closed by a host's options that throw", () =>
    Effect.gen(function* () {
      const { body, isClosed } = make()
      const exit = yield* Effect.exit(HttpClient.execute(carrying(body)))
      assert.strictEqual(Exit.isFailure(exit) ? Cause.isDie(exit.cause) : undefined, true)
      assert.isTrue(isClosed())
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { perHost: throws } })))
  )

  it.effect("is closed by an interruption at whatever moment from the first step on", () =>
    Effect.gen(function* () {
      const moments = new Set<boolean>()
      // Fibers yield after so many steps: with more and more before the request, at each moment of it in turn.
      for (let before = 0; before < 40; before++) {
        const { body, isClosed } = make()
        let begun = false
        const noticing = (_: unknown) => {
          begun = true
          return false
        }
        const fiber = yield* Effect.replicateEffect(Effect.void, before).pipe(
          Effect.zipRight(HttpClient.execute(carrying(body))),
          Effect.locally(HttpClient.currentTracerDisabledWhen, noticing),
          Effect.withMaxOpsBeforeYield(64),
          Effect.fork
        )
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        yield* settle
        if (begun) assert.isTrue(isClosed(), `after ${before} steps`)
        moments.add(begun)
      }
      assert.deepStrictEqual(moments, new Set([true, false]))
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
  )

  it.effect("is closed, unread, when the peer answers without asking for it", () =>
    Effect.gen(function* () {
      const { body, isClosed, read } = make()
      const request = carrying(body).pipe(HttpClientRequest.setHeader("expect", "100-continue"))
      const fiber = yield* Effect.fork(HttpClient.execute(request))
      const socket = yield* socketNumber(0)
      yield* socket.takeHead
      socket.send(Wire.response({ status: 413 }))
      assert.strictEqual((yield* Fiber.join(fiber)).status, 413)
      yield* settle
      assert.deepStrictEqual([isClosed(), read()], [true, 0])
    }).pipe(Effect.provide(clientLayer()))
  )

  it.effect("is sent, whole, by a request whose idle connection turned out dead before it", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      yield* Effect.flatMap(HttpClient.execute(get()), (response) => response.text)
      yield* settle
      network.sockets[0]!.endLater()
      const { body, read } = make()
      const response = yield* HttpClient.execute(carrying(body))
      assert.strictEqual(yield* response.text, "body")
      assert.strictEqual(read(), 1)
      assert.strictEqual(network.sockets.length, 2)
    }).pipe(
      Effect.provide(clientLayer(ScriptedServer.make((request) => Wire.ok(new TextDecoder().decode(request.body)))))
    )
  )
})

describe("a Readable that fails before it is read", () => {
  it.effect("fails its request with what happened, and not the process, while it waits for a connection", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      const body = new Readable({ read() {} })
      const fiber = yield* Effect.fork(Effect.flip(HttpClient.execute(carrying(body))))
      const dial = yield* network.nextDial
      body.destroy(new Error("no such file"))
      // The error is an event of the next turn; one that no listener takes ends the process.
      yield* Effect.async<void>((resume) => void body.once("close", () => resume(Effect.void)))
      dial.succeed()
      const error = yield* Fiber.join(fiber)
      assert.match((error as Error).message, /no such file/)
    }).pipe(Effect.provide(clientLayer()))
  )

  it.effect("fails no process when its request was refused", () =>
    Effect.gen(function* () {
      const body = new Readable({
        construct: (done) => void setImmediate(() => done(new Error("no such file"))),
        read() {}
      })
      const error = yield* Effect.flip(HttpClient.execute(HttpClientRequest.setUrl(carrying(body), "no")))
      assert.strictEqual(kindOf(error), "RequestError InvalidUrl InvalidUrl")
      yield* Effect.async<void>((resume) => void body.once("close", () => resume(Effect.void)))
      assert.isTrue(body.destroyed)
    }).pipe(Effect.provide(clientLayer()))
  )
})

describe("a stream of Effect as the body of a request", () => {
  it.effect("is not touched by a request that is refused, and may be sent again", () =>
    Effect.gen(function* () {
      let runs = 0
      const stream = Stream.suspend(() => {
        runs++
        return Stream.make(new Uint8Array(1))
      })
      const request = post().pipe(HttpClientRequest.bodyStream(stream))
      yield* occupied
      const fiber = yield* Effect.fork(Effect.flip(HttpClient.execute(request)))
      yield* settle
      yield* TestClock.adjust("30 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(kindOf(error), "RequestError Transport AcquireTimeout")
      assert.isTrue(PooledHttpClient.isSafeToRetry(error))
      assert.strictEqual(runs, 0)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
  )
})
