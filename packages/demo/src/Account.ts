/** A chapter's pool, and what came of it. */
import type * as HttpClient from "@effect/platform/HttpClient"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool/ConnectionPool"
import type { PoolStats } from "@hotaru/pool/PoolStats"
import * as Effect from "effect/Effect"
import type { Outcome } from "./Requests.js"
import * as Tally from "./Tally.js"

export interface Account {
  readonly name: string
  readonly outcome: Outcome
  readonly stats: PoolStats
  readonly tally: Tally.Tally
}

/** Sends requests through a pool of their own, and closes the books when they are done. */
export const keep = <E, R>(
  name: string,
  options: NodePooledHttpClient.NodePooledHttpClientOptions,
  requests: Effect.Effect<Outcome, E, R>
): Effect.Effect<Account, E, Exclude<R, HttpClient.HttpClient | ConnectionPool>> =>
  Effect.gen(function* () {
    const pool = yield* ConnectionPool
    const [outcome, tally] = yield* Tally.during(requests)
    return { name, outcome, tally, stats: yield* pool.stats }
  }).pipe(Effect.provide(NodePooledHttpClient.layer(options)))
