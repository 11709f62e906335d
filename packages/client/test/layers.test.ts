import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety, PooledHttpClient } from "@hotaru/client"
import type { ConnectionKey } from "@hotaru/pool"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { clientLayer, get, kindOf } from "./support.js"

const serving = FakeNetwork.poolLayer(undefined, { autoAccept: ScriptedServer.always(Wire.ok("hello")) })

const text = Effect.flatMap(HttpClient.execute(get()), (response) => response.text)

describe("a client", () => {
  it.effect("is a layer over whatever pool there is", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* text, "hello")
      assert.strictEqual((yield* (yield* ConnectionPool.ConnectionPool).stats).pooledConnections, 1)
    }).pipe(Effect.provide(Layer.provideMerge(PooledHttpClient.layer, serving)))
  )

  it.effect("is a value, with limits of its own or without; all of them share the pool", () =>
    Effect.gen(function* () {
      const plain = yield* PooledHttpClient.make
      const narrow = yield* PooledHttpClient.makeWith({ safety: { maxBodySize: 4 } })
      const read = (client: HttpClient.HttpClient) => Effect.flatMap(client.execute(get()), (response) => response.text)
      assert.strictEqual(yield* read(plain), "hello")
      const error = yield* Effect.flip(read(narrow))
      assert.strictEqual(kindOf(error), "ResponseError Decode LimitExceeded")
      assert.include(error.message, "maxBodySize = 4")
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).dials.length, 1)
    }).pipe(Effect.provide(serving))
  )

  it.effect("whose limits make no sense is a defect that names the limit", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(PooledHttpClient.makeWith({ safety: { maxBodySize: -1 } }))
      assert.include(String(exit), "safety.maxBodySize")
      assert.throws(() => HttpSafety.withLimits(Effect.void, { headersTimeout: -5 }), /safety\.headersTimeout/)
    }).pipe(Effect.provide(serving))
  )
})

describe("a target", () => {
  const identity: ConnectionKey.TlsIdentity = { label: "partner" }
  const keys = Effect.map(FakeNetwork.FakeNetwork, (network) => network.dials.map(({ key }) => key))

  it.effect("of a client is where its connections go, which it shares with nobody who goes elsewhere", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const target: PooledHttpClient.Target = { socketPath: "/run/a.sock", localAddress: "127.0.0.2", tls: identity }
      const there = PooledHttpClient.withTarget(client, target)
      for (const each of [client, there, there, client]) {
        yield* Effect.flatMap(each.get("https://a.test/"), (response) => response.text)
      }
      const [plain, targeted, ...more] = yield* keys
      assert.strictEqual(more.length, 0)
      assert.deepInclude(plain, { host: "a.test", socketPath: undefined, localAddress: undefined, tls: undefined })
      assert.deepInclude(targeted, { host: "a.test", port: 443, useTls: true, ...target })
      const received = (yield* FakeNetwork.FakeNetwork).sockets[1]!.receivedText
      assert.match(received, /^GET \/ HTTP\/1\.1\r\nHost: a\.test\r\n/)
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok()))))
  )

  it.effect("around a call holds for that call; two of the same parts share connections, two identities do not", () =>
    Effect.gen(function* () {
      const to = (target: PooledHttpClient.Target) => Effect.provideService(text, PooledHttpClient.Target, target)
      yield* to({ tls: identity })
      yield* to({ tls: identity })
      yield* to({ tls: { label: "partner" } })
      yield* text
      assert.deepStrictEqual(
        (yield* keys).map(({ tls }) => tls === identity),
        [true, false, false]
      )
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok()))))
  )
})
