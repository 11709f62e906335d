/** The tour's own servers, seen from the tour. */

import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import * as RpcClient from "@effect/rpc/RpcClient"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Addresses, Contract, type Counters, type ServerName } from "./Contract.js"

export class TourServers extends Context.Tag("@hotaru/demo/TourServers")<
  TourServers,
  Addresses & {
    /** What a server has counted since it started. */
    readonly counters: (server: ServerName) => Effect.Effect<Counters>
  }
>() {}

export class ServersDidNotStart extends Data.TaggedError("ServersDidNotStart")<{ readonly detail: string }> {
  override get message(): string {
    return `The tour's own servers did not start: ${this.detail}`
  }
}

// A forked process, not a thread: tsx passes its loader on to the one and not to the other.
const Process = NodeWorker.layerPlatform(() => fork(fileURLToPath(new URL("./main.ts", import.meta.url))))

export const layer = Layer.scoped(
  TourServers,
  Effect.gen(function* () {
    const client = yield* RpcClient.make(Contract)
    const addresses = yield* client.Addresses().pipe(
      Effect.timeoutFail({
        duration: "30 seconds",
        onTimeout: () => new ServersDidNotStart({ detail: "no word from them in 30 seconds" })
      }),
      Effect.catchTag("RpcClientError", (error) => new ServersDidNotStart({ detail: error.message }))
    )
    return { ...addresses, counters: (server) => Effect.orDie(client.Counters({ server })) }
  })
).pipe(
  Layer.provide(RpcClient.layerProtocolWorker({ size: 1 })),
  Layer.provide(Process),
  Layer.mapError((error) => (error._tag === "WorkerError" ? new ServersDidNotStart({ detail: error.message }) : error))
)
