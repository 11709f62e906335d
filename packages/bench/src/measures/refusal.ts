/** A refusal must be cheap: it is what an overloaded program does most. Beside it a small GET that is answered. */
import * as HttpClient from "@effect/platform/HttpClient"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionKey, ConnectionPool } from "@hotaru/pool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { inFibers } from "../contestants.js"
import { against } from "../findings.js"
import { type Measure, rounds } from "../Measure.js"
import * as Report from "../Report.js"
import { measure } from "../rounds.js"
import * as Server from "../server.js"

export const refusal: Measure = Effect.fnUntraced(function* (effort) {
  const url = yield* Server.url
  const key = yield* Effect.orDie(ConnectionKey.fromUrl(url))
  const open = Context.get(yield* Layer.build(NodePooledHttpClient.layer()), HttpClient.HttpClient)
  const full = yield* Layer.build(NodePooledHttpClient.layer({ maxConnectionsPerHost: 1, maxPendingPerHost: 0 }))
  const pool = Context.get(full, ConnectionPool.ConnectionPool)
  const client = Context.get(full, HttpClient.HttpClient)
  // Somebody has the only connection, and nobody may wait for it.
  yield* Effect.orDie(pool.warm(key, 1))
  yield* Effect.orDie(pool.acquire(key))

  const get = Effect.filterOrDieMessage(
    Effect.flatMap(open.get(url), (response) => response.text),
    (text) => text.startsWith(Server.expected),
    "a wrong answer"
  )
  const refusedByClient = Effect.filterOrDieMessage(
    Effect.flip(client.get(url)),
    ({ cause }) => (cause as { readonly _tag?: unknown } | undefined)?._tag === "PendingLimitReached",
    "not the refusal that was asked for"
  )
  const refusedByPool = Effect.filterOrDieMessage(
    Effect.flip(pool.use(key, () => Effect.void)),
    ({ _tag }) => _tag === "PendingLimitReached",
    "not the refusal that was asked for"
  )
  const fibers = inFibers(50)
  const figures = yield* Effect.withTracerEnabled(
    measure(
      [fibers("GET", get), fibers("refused GET", refusedByClient), fibers("refused pool.use", refusedByPool)],
      rounds(effort, 20_000)
    ),
    false
  )
  yield* Report.cpu("A refusal, tracing off: CPU per request", figures, "GET")
  return [against(figures, "refused GET", "GET", 1 / 4), against(figures, "refused pool.use", "GET", 1 / 4)]
})
