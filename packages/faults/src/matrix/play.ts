/** Plays one cell: a client of its own, a proxy of its own, virtual time, and the books afterwards. */
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as PooledHttpClient from "@hotaru/client/PooledHttpClient"
import * as NodePooledHttpClient from "@hotaru/node/NodePooledHttpClient"
import * as ConnectionPool from "@hotaru/pool/ConnectionPool"
import type { PoolStats } from "@hotaru/pool/PoolStats"
import { FiberCensus } from "@hotaru/testing/FiberCensus"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import * as Census from "../Census.js"
import * as FaultProxy from "../proxy/FaultProxy.js"
import { bodies } from "./Answer.js"
import type { Method, Outcome, Scene } from "./Cell.js"
import * as Requests from "./requests.js"
import { host, type World } from "./World.js"

/** Far enough apart that each wait in the dark ends by one of them, and it is known by which. */
const limits = {
  connectionTimeout: "10 seconds",
  acquireTimeout: "30 seconds",
  safety: { headersTimeout: "20 seconds", bodyTimeout: "15 seconds" }
} as const

const request = (method: Method, url: string, { path, pieces }: Scene) =>
  Effect.flatMap(HttpClient.execute(Requests.make(method, url, pieces)), (response) =>
    Effect.map(response.text, (text) => ({ status: response.status, intact: text === bodies[path] }))
  )

type Result = Either.Either<{ readonly status: number; readonly intact: boolean }, HttpClientError>

/** Virtual time, a second a turn, until a fiber has ended; half an hour of it at most. */
const passTime = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.iterate(0, {
    while: (seconds) => seconds < 1800 && fiber.unsafePoll() === null,
    body: (seconds) => Effect.as(Effect.zipRight(Census.turn, TestClock.adjust("1 second")), seconds + 1)
  })

/** What is wrong with the pool's books when nothing is under way. */
const unsettled = (stats: PoolStats): ReadonlyArray<string> => {
  const closed = Object.values(stats.closed).reduce((sum, count) => sum + count, 0)
  return [
    ...(stats.activeConnections === 0 ? [] : [`${stats.activeConnections} on lease`]),
    ...(stats.openingConnections === 0 ? [] : [`${stats.openingConnections} opening`]),
    ...(stats.pendingAcquires === 0 ? [] : [`${stats.pendingAcquires} waiting`]),
    ...(stats.created === closed + stats.pooledConnections ? [] : [`${stats.created} opened, ${closed} closed`])
  ]
}

/** A look until it is settled, or for so long that it never will be. */
const books = (pool: ConnectionPool.ConnectionPoolShape): Effect.Effect<ReadonlyArray<string>> => {
  const look = (left: number): Effect.Effect<ReadonlyArray<string>> =>
    Effect.flatMap(pool.stats, (stats) => {
      const wrong = unsettled(stats)
      return wrong.length === 0 || left === 0 ? Effect.succeed(wrong) : Effect.zipRight(Census.turn, look(left - 1))
    })
  return look(2000)
}

/** The idle connections are gone, as the client sees it. */
const untilGone = (pool: ConnectionPool.ConnectionPoolShape): Effect.Effect<void> =>
  Effect.repeat(Effect.zipRight(Census.turn, pool.stats), {
    until: (stats) => stats.pooledConnections === 0,
    times: 20_000
  })

const exchange = Effect.fnUntraced(function* (
  scene: Scene,
  method: Method,
  url: string,
  state: "new" | "kept",
  proxy: FaultProxy.FaultProxy
) {
  const pool = yield* ConnectionPool.ConnectionPool
  if (state === "kept") {
    yield* request("GET", url, scene)
    proxy.arm(scene.armed)
    if (scene.struck !== undefined) {
      proxy.strike(scene.struck)
      if (scene.struck._tag !== "Blackhole") yield* untilGone(pool)
    }
  }
  const fiber = yield* Effect.fork(Effect.either(request(method, url, scene)))
  if (scene.hangs) {
    if (scene.script.steps.length + scene.armed.length > 0) yield* proxy.untilStruck
    yield* passTime(fiber)
  }
  const result: Result = yield* Fiber.join(fiber)
  const wrong = yield* books(pool)
  return { result, wrong, stats: yield* pool.stats }
})

export const play = (
  scene: Scene,
  method: Method,
  state: "new" | "kept",
  world: World
): Effect.Effect<Outcome, HttpClientError> =>
  Effect.gen(function* () {
    const far = world.farOf(scene)
    const server = typeof far === "number" ? undefined : far
    const before = { handles: Census.handles(), descriptors: Census.descriptors() }
    const seenBefore = { seen: server?.seen() ?? 0, whole: server?.whole() ?? 0, damaged: server?.damaged() ?? 0 }
    const census = new FiberCensus()
    const { counted, damaged, result, stats, wrong } = yield* Effect.scoped(
      Effect.gen(function* () {
        const proxy = yield* FaultProxy.make({
          upstream: server?.port ?? 1,
          script: (connection) => (connection === 1 ? scene.script : scene.later)
        })
        const url = `${scene.secure ? "https" : "http"}://${host}:${server === undefined ? far : proxy.port}${scene.path}`
        const Client = NodePooledHttpClient.layer({
          ...limits,
          lifetimeJitter: 0,
          connector: { resolver: scene.resolver, tls: world.tls }
        })
        const ended = yield* exchange(scene, method, url, state, proxy).pipe(
          Effect.provide(Client),
          Effect.supervised(census)
        )
        // What was on its way to the server is there once its connections have ended; silenced ones never do.
        if (!scene.hangs) yield* Census.turnUntil(() => proxy.open() === 0)
        const warmUp = state === "kept" ? 1 : 0
        const counted = {
          seen: (server?.seen() ?? 0) - seenBefore.seen - warmUp,
          whole: (server?.whole() ?? 0) - seenBefore.whole - warmUp
        }
        return { ...ended, counted, damaged: (server?.damaged() ?? 0) > seenBefore.damaged }
      })
    )
    server?.hangUp()
    const left = () => [
      ...Census.more(before.handles, Census.handles()),
      ...(Census.descriptors() > before.descriptors ? ["descriptors"] : []),
      ...(census.alive === 0 ? [] : [`${census.alive} fibers`])
    ]
    yield* Census.turnUntil(() => left().length === 0, 2000)
    return {
      ...describe(result),
      ...(damaged ? { details: [...describe(result).details, "the server got other content"] } : {}),
      retries: stats.staleRetries,
      ...counted,
      unbalanced: [...wrong, ...left()]
    }
  }).pipe(Effect.provide(TestContext.TestContext))

const describe = (result: Result): Pick<Outcome, "result" | "details" | "safe"> =>
  Either.match(result, {
    onRight: ({ intact, status }) => ({
      result: status,
      details: status === 200 && !intact ? ["the client got other content"] : [],
      safe: false
    }),
    onLeft: (error) => {
      const cause = (typeof error.cause === "object" && error.cause !== null ? error.cause : {}) as Record<
        string,
        unknown
      >
      return {
        result: typeof cause["_tag"] === "string" ? cause["_tag"] : "unknown error",
        details: ["phase", "during", "limit", "fault"].flatMap((name) =>
          typeof cause[name] === "string" ? [cause[name]] : []
        ),
        safe: PooledHttpClient.isSafeToRetry(error)
      }
    }
  })
