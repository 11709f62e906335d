/** An open and a guarded client in one program, composed in every way that Effect has: the guarded one denies in all. */
import * as Http from "node:http"
import type * as Net from "node:net"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { EgressPolicy, NodeConnectionPool, NodeConnector, NodePooledHttpClient, PoolLive, Resolver } from "@hotaru/node"
import { ConnectionPool, PoolError } from "@hotaru/pool"
import { Cause, Context, Effect, Exit, Layer, ManagedRuntime, Option } from "effect"

const served = Effect.map(
  Effect.acquireRelease(
    Effect.async<Http.Server>((resume) => {
      const server = Http.createServer((_, response) => response.end("reached"))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ),
  (server) => `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}/`
)

class Open extends Context.Tag("test/Open")<Open, HttpClient.HttpClient>() {}
class Guarded extends Context.Tag("test/Guarded")<Guarded, HttpClient.HttpClient>() {}

type ClientLayer = Layer.Layer<HttpClient.HttpClient, unknown>

const as = <I>(tag: Context.Tag<I, HttpClient.HttpClient>, client: ClientLayer): Layer.Layer<I, unknown> =>
  Layer.effect(tag, HttpClient.HttpClient).pipe(Layer.provide(client))

const outcome = (client: HttpClient.HttpClient, url: string): Effect.Effect<string> =>
  Effect.match(
    Effect.flatMap(client.get(url), ({ text }) => text),
    {
      onFailure: ({ cause }) => (cause as { readonly _tag: string })._tag,
      onSuccess: (text) => text
    }
  )

const outcomes = (url: string) =>
  Effect.all([Effect.flatMap(Open, (_) => outcome(_, url)), Effect.flatMap(Guarded, (_) => outcome(_, url))])

const policy = EgressPolicy.publicInternetOnly
const guard = EgressPolicy.guard(policy)
const inContext = Layer.provide(Layer.succeed(EgressPolicy.EgressPolicy, policy))
const denying = Layer.provide(
  Layer.succeed(Resolver.Resolver, {
    lookup: (host) => Effect.fail(new Resolver.ResolveError({ host, denied: true, detail: "not to be dialled" }))
  })
)

const oneOfOurOwn = NodePooledHttpClient.layer({ maxConnectionsPerHost: 3 })
const client = PooledHttpClient.layer
const limited = PooledHttpClient.layerWith({ safety: { maxBodySize: 1024 } })
const onSockets = ConnectionPool.layer({ maxConnectionsPerHost: 3 })

const stacks: ReadonlyArray<readonly [name: string, open: ClientLayer, guarded: ClientLayer]> = [
  ["PoolLive, provided", client.pipe(Layer.provide(PoolLive)), client.pipe(Layer.provide(PoolLive.pipe(guard)))],
  [
    "PoolLive, provided and merged",
    client.pipe(Layer.provideMerge(PoolLive)),
    client.pipe(Layer.provideMerge(guard(PoolLive)))
  ],
  [
    "PoolLive under a client with limits",
    limited.pipe(Layer.provide(PoolLive)),
    limited.pipe(Layer.provide(guard(PoolLive)))
  ],
  [
    "PoolLive, the policy in its context",
    client.pipe(Layer.provide(PoolLive)),
    client.pipe(Layer.provide(inContext(PoolLive)))
  ],
  [
    "NodeConnectionPool.layer()",
    client.pipe(Layer.provide(NodeConnectionPool.layer())),
    client.pipe(Layer.provide(guard(NodeConnectionPool.layer())))
  ],
  [
    "NodeConnectionPool.layerFromEnv",
    client.pipe(Layer.provide(NodeConnectionPool.layerFromEnv)),
    client.pipe(Layer.provide(guard(NodeConnectionPool.layerFromEnv)))
  ],
  [
    "ConnectionPool.layer on a connector",
    client.pipe(Layer.provide(onSockets), Layer.provide(NodeConnector.layer())),
    client.pipe(Layer.provide(onSockets), Layer.provide(guard(NodeConnector.layer())))
  ],
  ["layer()", NodePooledHttpClient.layer(), guard(NodePooledHttpClient.layer())],
  ["layer(), the policy in its context", NodePooledHttpClient.layer(), inContext(NodePooledHttpClient.layer())],
  ["layer() with a resolver that denies", NodePooledHttpClient.layer(), denying(NodePooledHttpClient.layer())],
  ["layerFromEnv", NodePooledHttpClient.layerFromEnv, guard(NodePooledHttpClient.layerFromEnv)],
  ["a constant of the user's", oneOfOurOwn, inContext(oneOfOurOwn)],
  ["options", NodePooledHttpClient.layer({}), NodePooledHttpClient.layer({ connector: { egress: policy } })]
]

type Both = Layer.Layer<Open | Guarded, unknown>

const compositions: ReadonlyArray<readonly [name: string, compose: (open: ClientLayer, guarded: ClientLayer) => Both]> =
  [
    ["mergeAll, the open one first", (open, guarded) => Layer.mergeAll(as(Open, open), as(Guarded, guarded))],
    ["mergeAll, the guarded one first", (open, guarded) => Layer.mergeAll(as(Guarded, guarded), as(Open, open))],
    ["merge", (open, guarded) => Layer.merge(as(Guarded, guarded), as(Open, open))],
    ["provideMerge of the open one", (open, guarded) => as(Guarded, guarded).pipe(Layer.provideMerge(as(Open, open)))],
    [
      "provideMerge of the guarded one",
      (open, guarded) => as(Open, open).pipe(Layer.provideMerge(as(Guarded, guarded)))
    ],
    [
      "nested merges",
      (open, guarded) =>
        Layer.mergeAll(
          Layer.mergeAll(as(Open, open), Layer.empty),
          Layer.empty.pipe(Layer.provideMerge(Layer.mergeAll(as(Guarded, guarded))))
        )
    ],
    [
      "the open one provided around the guarded one",
      (open, guarded) => Layer.mergeAll(as(Open, open), as(Guarded, guarded).pipe(Layer.provide(open)))
    ],
    [
      "the guarded one provided around the open one",
      (open, guarded) => Layer.mergeAll(as(Open, open).pipe(Layer.provide(guarded)), as(Guarded, guarded))
    ],
    [
      "layers that are made while the program is built",
      (open, guarded) =>
        Layer.mergeAll(
          Layer.unwrapEffect(Effect.succeed(as(Guarded, guarded))),
          Layer.suspend(() => as(Open, open))
        )
    ]
  ]

describe("an open and a guarded client in one program", () => {
  for (const [stack, open, guarded] of stacks) {
    it.scoped(`stay apart on ${stack}, in whatever way they are composed`, () =>
      Effect.gen(function* () {
        const url = yield* served
        for (const [name, compose] of compositions) {
          const [opened, denied] = yield* Effect.provide(outcomes(url), compose(open, guarded))
          assert.deepStrictEqual([name, opened], [name, "reached"])
          assert.notStrictEqual(`${name}: ${denied}`, `${name}: reached`)
        }
      })
    )

    it.scoped(`stay apart on ${stack}, in runtimes that share what they build`, () =>
      Effect.gen(function* () {
        const url = yield* served
        for (const openFirst of [true, false]) {
          const memoMap = yield* Layer.makeMemoMap
          const layers = openFirst ? [open, guarded] : [guarded, open]
          const runtimes = layers.map((layer) => ManagedRuntime.make(layer, memoMap))
          const told = yield* Effect.forEach(runtimes, (runtime) =>
            Effect.promise(() => runtime.runPromise(Effect.flatMap(HttpClient.HttpClient, (_) => outcome(_, url))))
          )
          assert.strictEqual(told[openFirst ? 0 : 1], "reached")
          assert.notStrictEqual(told[openFirst ? 1 : 0], "reached")
          yield* Effect.forEach(runtimes, (runtime) => runtime.disposeEffect)
        }
      })
    )

    it.scoped(`stay apart on ${stack}, one provided inside the other`, () =>
      Effect.gen(function* () {
        const url = yield* served
        const ask = Effect.flatMap(HttpClient.HttpClient, (_) => outcome(_, url))
        const inside = Effect.zip(ask, Effect.provide(ask, guarded)).pipe(Effect.provide(open))
        const outside = Effect.zip(ask, Effect.provide(ask, open)).pipe(Effect.provide(guarded))
        const [[first, second], [third, fourth]] = yield* Effect.zip(inside, outside)
        assert.deepStrictEqual([first, fourth], ["reached", "reached"])
        assert.notInclude([second, third], "reached")
      })
    )
  }

  it.scoped("share nothing with a third one under another policy", () =>
    Effect.gen(function* () {
      const url = yield* served
      class Third extends Context.Tag("test/Third")<Third, HttpClient.HttpClient>() {}
      const loopback = EgressPolicy.guard(EgressPolicy.make({ label: "loopback", allow: [{ cidr: "127.0.0.0/8" }] }))
      const on = (pool: Layer.Layer<ConnectionPool.ConnectionPool, unknown>) => client.pipe(Layer.provide(pool))
      const layer = Layer.mergeAll(
        as(Third, on(loopback(PoolLive))),
        as(Guarded, on(guard(PoolLive))),
        as(Open, on(PoolLive))
      )
      const told = yield* Effect.zip(
        outcomes(url),
        Effect.flatMap(Third, (_) => outcome(_, url))
      ).pipe(Effect.provide(layer))
      assert.deepStrictEqual(told, [["reached", "EgressDenied"], "reached"])
    })
  )
})

describe("a guard", () => {
  const ask = (url: string) => Effect.flatMap(HttpClient.HttpClient, (_) => outcome(_, url))

  it.scoped("holds over a policy that the layer's own options give", () =>
    Effect.gen(function* () {
      const url = yield* served
      const lax = NodePooledHttpClient.layer({ connector: { egress: EgressPolicy.unrestricted } })
      assert.strictEqual(yield* Effect.provide(ask(url), lax), "reached")
      assert.strictEqual(yield* Effect.provide(ask(url), guard(lax)), "EgressDenied")
    })
  )

  it.scoped("holds over a laxer guard, inside and outside of it", () =>
    Effect.gen(function* () {
      const url = yield* served
      const lax = EgressPolicy.guard(EgressPolicy.make({ label: "all", allow: [{ cidr: "0.0.0.0/0" }] }))
      assert.strictEqual(yield* Effect.provide(ask(url), lax(NodePooledHttpClient.layer())), "reached")
      assert.strictEqual(yield* Effect.provide(ask(url), lax(guard(NodePooledHttpClient.layer()))), "EgressDenied")
      assert.strictEqual(yield* Effect.provide(ask(url), guard(lax(NodePooledHttpClient.layer()))), "EgressDenied")
    })
  )

  it.effect("around a layer whose pool comes from outside fails the build, because it would guard nothing", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Effect.scoped(Layer.build(guard(PooledHttpClient.layer).pipe(Layer.provide(PoolLive))))
      )
      const defect = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined
      assert.instanceOf(defect, PoolError.InvalidPoolConfig)
      assert.strictEqual(
        (defect as PoolError.InvalidPoolConfig).message,
        "Invalid pool configuration: EgressPolicy.guard (public internet only) must be put around a layer that opens connections, such as PoolLive, not one whose connections are opened elsewhere"
      )
    })
  )
})

describe("PoolLive", () => {
  it.scoped("is one pool for all parts of a program that provide it in the same way", () =>
    Effect.gen(function* () {
      class One extends Context.Tag("test/One")<One, ConnectionPool.ConnectionPoolShape>() {}
      class Other extends Context.Tag("test/Other")<Other, ConnectionPool.ConnectionPoolShape>() {}
      const part = <I>(tag: Context.Tag<I, ConnectionPool.ConnectionPoolShape>, pool: typeof PoolLive) =>
        Layer.effect(tag, ConnectionPool.ConnectionPool).pipe(Layer.provide(pool))
      const plain = yield* Layer.build(Layer.mergeAll(part(One, PoolLive), part(Other, PoolLive)))
      assert.strictEqual(Context.get(plain, One), Context.get(plain, Other))
      const under = yield* Layer.build(Layer.mergeAll(part(One, inContext(PoolLive)), part(Other, inContext(PoolLive))))
      assert.strictEqual(Context.get(under, One), Context.get(under, Other))
      const client = yield* Layer.build(
        Layer.mergeAll(
          part(One, NodeConnectionPool.layer()),
          Layer.provideMerge(part(Other, NodeConnectionPool.layer()), NodePooledHttpClient.layer())
        )
      )
      assert.strictEqual(Context.get(client, One), Context.get(client, Other))
      assert.strictEqual(Context.get(client, One), Context.get(client, ConnectionPool.ConnectionPool))
    })
  )
})
