/** What a tour is made of: where its requests go and under which limits. */
import type { NodePooledHttpClient } from "@hotaru/node"
import type * as Effect from "effect/Effect"
import type { Counters, ServerName } from "./servers/Contract.js"

/** The address of the request with a number. */
export type Address = (id: number) => string

export interface Target {
  /** One host after the other, a few requests each. */
  readonly sequential: ReadonlyArray<Address>
  /** Where many requests at once go. */
  readonly parallel: Address
  /** Where the work goes that is done without the pool and with it. */
  readonly comparison: Address
  /** Requests of each of the larger chapters. */
  readonly requests: number
  /** Connections per host. */
  readonly concurrency: number
  /** What every pool of the tour needs to get there. */
  readonly connector: NonNullable<NodePooledHttpClient.NodePooledHttpClientOptions["connector"]>
  /** What a server counted by itself, where it is one of ours. */
  readonly counters?: (server: ServerName) => Effect.Effect<Counters>
}
