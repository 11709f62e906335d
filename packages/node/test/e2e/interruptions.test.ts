import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type Handler, serve } from "../peers/support/LoopbackServer.js"
import { assertBalanced, settled } from "./support/balance.js"
import { seeded } from "./support/random.js"

const INTERRUPTIONS = 1000
const CONNECTIONS = 8

const big = new Uint8Array(400_000).fill(97)

const answer: Handler = (request, reply) => {
  const path = request.target.split("?")[0]
  if (path === "/big") return reply.send({ body: big })
  if (path === "/late") {
    setTimeout(() => reply.send({ body: request.target }), 3)
    return
  }
  if (path === "/drip") {
    reply.raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    let left = 5
    const drip = () => {
      if (left-- > 0) {
        reply.raw("4\r\ndrip\r\n")
        setImmediate(drip)
      } else reply.raw("0\r\n\r\n")
    }
    return drip()
  }
  reply.send({ body: request.target })
}

/** Some turns of the event loop, or microtasks only, or a moment. */
const wait = (random: () => number): Effect.Effect<void> => {
  const kind = random()
  const n = Math.floor(random() * 25)
  if (kind < 0.2) return Effect.sleep(random() * 8)
  return Effect.async((resume) => {
    let left = n
    const step = (): void => {
      if (left-- <= 0) return resume(Effect.void)
      if (kind < 0.4) queueMicrotask(step)
      else setImmediate(step)
    }
    step()
  })
}

describe("interruptions", () => {
  it.scopedLive(
    "1,000 at random moments leave statistics balanced and, after the layer has closed, no socket open",
    () =>
      Effect.gen(function* () {
        const random = seeded(42)
        const server = yield* serve(answer)
        const exchange = (i: number): Effect.Effect<unknown, unknown, HttpClient.HttpClient> => {
          const get = (path: string) => HttpClient.get(`${server.url}${path}?${i}`)
          const kinds = [
            () => Effect.flatMap(get("/small"), (response) => response.text),
            () => get("/small"),
            () => Effect.flatMap(get("/late"), (response) => response.json.pipe(Effect.ignore)),
            () => Effect.flatMap(get("/big"), (response) => response.arrayBuffer),
            () => Effect.flatMap(get("/big"), (response) => Stream.runDrain(response.stream)),
            () => Effect.flatMap(get("/big"), (response) => Stream.runHead(response.stream)),
            () => get("/big"),
            () => Effect.flatMap(get("/drip"), (response) => response.text),
            () =>
              HttpClient.execute(
                HttpClientRequest.post(`${server.url}/upload?${i}`).pipe(
                  HttpClientRequest.setBody(
                    HttpBody.stream(
                      Stream.range(1, 20).pipe(
                        Stream.rechunk(1),
                        Stream.map(() => big.subarray(0, 5000))
                      )
                    )
                  )
                )
              ).pipe(Effect.flatMap((response) => response.text))
          ]
          return kinds[Math.floor(random() * kinds.length)]?.() ?? Effect.void
        }
        const outcomes = { interrupted: 0, finished: 0 }
        const one = (i: number) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(exchange(i))
            yield* wait(random)
            const exit = yield* Fiber.interrupt(fiber)
            if (Exit.isSuccess(exit)) outcomes.finished++
            else if (Cause.isInterruptedOnly(exit.cause)) outcomes.interrupted++
            else yield* Effect.failCause(exit.cause)
          })
        const program = Effect.gen(function* () {
          const pool = yield* ConnectionPool.ConnectionPool
          yield* Effect.forEach(
            Array.from({ length: INTERRUPTIONS }, (_, i) => i),
            one,
            { concurrency: 24, discard: true }
          )
          // Both things must have happened often, or the moments were not random.
          assert.isAbove(outcomes.interrupted, INTERRUPTIONS / 4, JSON.stringify(outcomes))
          assert.isAbove(outcomes.finished, INTERRUPTIONS / 20, JSON.stringify(outcomes))
          assert.isAtMost(server.maxOpen, CONNECTIONS + 16) // The server may see a close later than its successor.
          // The pool serves on: every place is free.
          const texts = yield* Effect.forEach(
            Array.from({ length: 3 * CONNECTIONS }, (_, i) => i),
            (i) => Effect.flatMap(HttpClient.get(`${server.url}/after?${i}`), (response) => response.text),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            texts,
            texts.map((_, i) => `/after?${i}`)
          )
          const stats = yield* settled(pool)
          assertBalanced(stats)
          assert.isAtMost(stats.pooledConnections, CONNECTIONS)
        })
        yield* Effect.provide(
          program,
          NodePooledHttpClient.layer({
            maxConnectionsPerHost: CONNECTIONS,
            safety: { unreadBodyTimeout: "200 millis", bodyDrainTimeout: "50 millis" }
          })
        )
        yield* server.until(() => server.open === 0)
      }),
    60_000
  )
})
