import { HttpRouter } from "@effect/platform"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "@effect/rpc"
import { assert } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { serveApp } from "./support/httpServer.js"
import { overPeers } from "./support/peers.js"

class Calls extends RpcGroup.make(
  Rpc.make("Double", { payload: { n: Schema.Number }, success: Schema.Number, error: Schema.String }),
  Rpc.make("Nothing", {}),
  Rpc.make("Count", { payload: { to: Schema.Number }, success: Schema.Number, stream: true }),
  Rpc.make("Tick", { success: Schema.Number, stream: true }),
  Rpc.make("Released", { success: Schema.Number })
) {}

/** What a server's endless stream counted when it was let go. */
const state = () => ({ released: 0 })

const serverAndClient = Effect.gen(function* () {
  const counted = state()
  const handlers = Calls.toLayer({
    Double: ({ n }) => (n < 0 ? Effect.fail("negative") : Effect.succeed(n * 2)),
    Nothing: () => Effect.void,
    Count: ({ to }) => Stream.range(1, to),
    Tick: () =>
      Stream.concat(Stream.make(1, 2, 3), Stream.never).pipe(Stream.ensuring(Effect.sync(() => counted.released++))),
    Released: () => Effect.sync(() => counted.released)
  })
  const app = HttpRouter.Default.serve().pipe(
    Layer.provide(Layer.provide(RpcServer.layer(Calls), handlers)),
    Layer.provide(RpcServer.layerProtocolHttp({ path: "/rpc" })),
    Layer.provide(RpcSerialization.layerNdjson)
  )
  const url = yield* serveApp(app)
  const protocol = RpcClient.layerProtocolHttp({ url: `${url}/rpc` }).pipe(Layer.provide(RpcSerialization.layerNdjson))
  const client = yield* Effect.provide(RpcClient.make(Calls), yield* Layer.build(protocol))
  return { client, counted }
})

overPeers("RpcClient over HTTP, ndjson", (behaves) => {
  behaves(
    "a call, its error, and a call for nothing",
    Effect.gen(function* () {
      const { client } = yield* serverAndClient
      assert.strictEqual(yield* client.Double({ n: 21 }), 42)
      assert.strictEqual(yield* Effect.flip(client.Double({ n: -1 })), "negative")
      assert.isUndefined(yield* client.Nothing())
    })
  )

  behaves(
    "many calls at once",
    Effect.gen(function* () {
      const { client } = yield* serverAndClient
      const doubled = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (n) => client.Double({ n }),
        {
          concurrency: "unbounded"
        }
      )
      assert.deepStrictEqual(
        doubled,
        Array.from({ length: 100 }, (_, i) => i * 2)
      )
    })
  )

  behaves(
    "a stream of many",
    Effect.gen(function* () {
      const { client } = yield* serverAndClient
      const all = yield* Stream.runCollect(client.Count({ to: 5000 }))
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(all),
        Array.from({ length: 5000 }, (_, i) => i + 1)
      )
    })
  )

  behaves(
    "a stream that never ends gives what it has, and letting it go is told to the server",
    Effect.gen(function* () {
      const { client, counted } = yield* serverAndClient
      const first = yield* client.Tick().pipe(Stream.take(3), Stream.runCollect)
      assert.deepStrictEqual(Chunk.toReadonlyArray(first), [1, 2, 3])
      yield* Effect.yieldNow()
      // Asked through the server itself, so that nothing is waited for by the clock.
      yield* Effect.repeat(client.Released(), { until: (released) => released === 1 })
      assert.strictEqual(counted.released, 1)
    })
  )
})
