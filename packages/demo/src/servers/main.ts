/** The process the servers run in: one of their own, so that they do not disturb the timing. It ends with the tour. */

import * as WorkerRunner from "@effect/platform/WorkerRunner"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import * as RpcServer from "@effect/rpc/RpcServer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Certificate from "./Certificate.js"
import { Contract } from "./Contract.js"
import * as CountingServer from "./CountingServer.js"

const Handlers = Contract.toLayer(
  Effect.gen(function* () {
    const certificate = yield* Certificate.make
    const servers = yield* Effect.all({
      plain: CountingServer.make({}),
      secure: CountingServer.make({ certificate }),
      closing: CountingServer.make({ hangsUp: true })
    })
    return {
      Addresses: () =>
        Effect.succeed({
          plain: servers.plain.url,
          secure: servers.secure.url,
          closing: servers.closing.url,
          ca: certificate.ca
        }),
      Counters: ({ server }) => Effect.sync(servers[server].counters)
    }
  })
)

/** However the tour went: if it was killed nobody is left to say that it is over. */
const EndWithTheTour = Layer.scopedDiscard(
  Effect.gen(function* () {
    const close = yield* WorkerRunner.CloseLatch
    yield* Effect.async<void>((resume) => {
      process.once("disconnect", () => resume(Effect.void))
    }).pipe(Effect.zipRight(Deferred.succeed(close, undefined)), Effect.forkScoped)
  })
)

RpcServer.layer(Contract).pipe(
  Layer.provide(Handlers),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(NodeWorkerRunner.layer),
  Layer.merge(EndWithTheTour),
  WorkerRunner.launch,
  NodeRuntime.runMain
)
