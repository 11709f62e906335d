/** URLs that strangers chose, through the client on a guarded pool. */
import * as Http from "node:http"
import type * as Net from "node:net"
import { HttpClient, HttpClientError } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { EgressPolicy, NodeConnectionPool, NodeConnector, NodePooledHttpClient, PoolLive } from "@hotaru/node"
import { ConnectionKey, ConnectionPool, PoolError, PoolEvent } from "@hotaru/pool"
import { Cause, Context, Effect, Exit, Layer, Metric, Option, Queue } from "effect"
import { names } from "../support/dialling.js"
import { listenUnix, temporaryPath } from "../support/servers.js"

/** Answers on all of loopback; `/to/<url>` redirects there. */
const served = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly requests: Array<string>; readonly server: Http.Server }>((resume) => {
    const requests: Array<string> = []
    const server = Http.createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`)
      const to = request.url?.startsWith("/to/") === true ? decodeURIComponent(request.url.slice(4)) : undefined
      if (to === undefined) response.end("reached")
      else response.writeHead(302, { location: to }).end()
    })
    server.listen(0, "0.0.0.0", () => {
      resume(Effect.succeed({ port: (server.address() as Net.AddressInfo).port, requests, server }))
    })
  }),
  ({ server }) =>
    Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

const get = (url: string) => Effect.flatMap(HttpClient.get(url), ({ text }) => text)

const causeOf = (error: HttpClientError.HttpClientError): PoolError.EgressDenied => {
  assert.instanceOf(error, HttpClientError.RequestError)
  assert.strictEqual(error.reason, "Encode")
  assert.instanceOf(error.cause, PoolError.EgressDenied)
  return error.cause as PoolError.EgressDenied
}

const guarded = (
  connector: NodeConnector.NodeConnectorOptions = {},
  pool: NodeConnectionPool.NodeConnectionPoolOptions = {}
) =>
  NodePooledHttpClient.layer({
    drainTimeout: 0,
    ...pool,
    connector: { egress: EgressPolicy.publicInternetOnly, ...connector }
  })

/** Stands for the public internet: 127.0.0.1 alone. */
const only1 = EgressPolicy.make({ label: "only .1", allow: [{ cidr: "127.0.0.1" }] })

describe("a URL that leads to this machine", () => {
  const spellings: ReadonlyArray<readonly [host: string, address: string]> = [
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.1.", "127.0.0.1"],
    ["127.1", "127.0.0.1"],
    ["127.0.1", "127.0.0.1"],
    ["2130706433", "127.0.0.1"],
    ["0x7f000001", "127.0.0.1"],
    ["0x7F.0.0.0x1", "127.0.0.1"],
    ["0177.0.0.01", "127.0.0.1"],
    ["017700000001", "127.0.0.1"],
    ["%31%32%37.0.0.1", "127.0.0.1"],
    ["１２７.０.０.１", "127.0.0.1"],
    ["127。0。0。1", "127.0.0.1"],
    ["①②⑦.⓪.⓪.①", "127.0.0.1"],
    ["user:secret@127.0.0.1", "127.0.0.1"],
    ["0", "0.0.0.0"],
    ["0.0.0.0", "0.0.0.0"],
    ["127.255.255.254", "127.255.255.254"],
    ["[::1]", "::1"],
    ["[::]", "::"],
    ["[0:0:0:0:0:0:0:1]", "::1"],
    ["[::ffff:127.0.0.1]", "127.0.0.1"],
    ["[::ffff:7f00:1]", "127.0.0.1"],
    ["[0000:0000:0000:0000:0000:FFFF:7F00:0001]", "127.0.0.1"],
    ["[::127.0.0.1]", "::7f00:1"],
    ["[64:ff9b::127.0.0.1]", "64:ff9b::7f00:1"],
    ["[2002:7f00:1::]", "2002:7f00:1::"],
    ["169.254.169.254", "169.254.169.254"],
    ["0xa9fea9fe", "169.254.169.254"],
    ["[fd00:ec2::254]", "fd00:ec2::254"],
    ["100.100.100.200", "100.100.100.200"],
    ["168.63.129.16", "168.63.129.16"]
  ]
  it.scoped.each(spellings)("is denied, spelled %s", ([host, address]) =>
    Effect.gen(function* () {
      const { port, requests } = yield* served
      const error = causeOf(yield* Effect.flip(get(`http://${host}:${port}/`)))
      assert.deepInclude({ ...error }, { address, port, policy: "public internet only", fault: "policy" })
      assert.deepStrictEqual(requests, [])
    }).pipe(Effect.provide(guarded()))
  )

  it.scoped("is denied by name as well", () =>
    Effect.gen(function* () {
      const { port } = yield* served
      const error = causeOf(yield* Effect.flip(get(`http://LOCALHOST:${port}/`)))
      assert.strictEqual(error.host, "localhost")
      assert.include(["127.0.0.1", "::1"], error.address)
    }).pipe(Effect.provide(guarded()))
  )

  for (const url of [
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::1%25lo]/",
    "http://127.0.0.1%00/"
  ]) {
    it.effect(`is no URL where it has a zone or what is no host: ${url}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(get(url))
        assert.strictEqual(error._tag === "RequestError" ? error.reason : error._tag, "InvalidUrl")
      }).pipe(Effect.provide(guarded()))
    )
  }
})

describe("a redirect", () => {
  const resolver = names({ "public.test": ["127.0.0.1"], "inside.test": ["127.0.0.2"] })
  const clients = [
    ["PooledHttpClient.followRedirects", (client: HttpClient.HttpClient) => PooledHttpClient.followRedirects(client)],
    ["the platform's followRedirects", (client: HttpClient.HttpClient) => HttpClient.followRedirects(client)]
  ] as const
  for (const [name, follow] of clients) {
    for (const target of ["http://127.0.0.2:PORT/admin", "http://inside.test:PORT/admin", "http://[::1]:PORT/admin"]) {
      it.scoped(`from where we may go to ${target} is denied (${name})`, () =>
        Effect.gen(function* () {
          const { port, requests } = yield* served
          const client = follow(yield* HttpClient.HttpClient)
          const to = (url: string) => `http://public.test:${port}/to/${encodeURIComponent(url)}`
          const error = yield* Effect.flip(client.get(to(target.replace("PORT", String(port)))))
          assert.strictEqual(causeOf(error).rule, "no rule allows it")
          assert.lengthOf(requests, 1)
          const good = yield* client.get(to(`http://public.test:${port}/here`))
          assert.strictEqual(yield* good.text, "reached")
        }).pipe(Effect.provide(guarded({ resolver, egress: only1 })))
      )
    }
  }
})

describe("a request that is denied", () => {
  it.scoped("is not sent again by any policy of retries", () =>
    Effect.gen(function* () {
      let asked = 0
      const egress = EgressPolicy.fromFunction("counts", () => {
        asked++
        return EgressPolicy.denied("never")
      })
      yield* Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const error = yield* Effect.flip(client.pipe(HttpClient.retryTransient({ times: 3 })).get("http://127.0.0.1/"))
        assert.strictEqual(asked, 1)
        assert.isFalse(PooledHttpClient.isSafeToRetry(error))
        assert.isFalse(PooledHttpClient.isSafeToRetry(causeOf(error)))
        yield* Effect.flip(
          HttpClient.retry(client, { while: PooledHttpClient.isSafeToRetry, times: 3 }).get("http://127.0.0.1/")
        )
        assert.strictEqual(asked, 2)
      }).pipe(Effect.provide(guarded({ egress })))
    })
  )

  it.scoped("reaches events, the numbers and a metric; the host is not held to fail", () =>
    Effect.gen(function* () {
      const { port } = yield* served
      const counter = Metric.tagged(EgressPolicy.deniedAddresses, "policy", "only .1")
      const { count: before } = yield* Metric.value(counter)
      const pool = yield* ConnectionPool.ConnectionPool
      const events = yield* pool.subscribe
      const error = causeOf(yield* Effect.flip(get(`http://127.0.0.2:${port}/`)))
      yield* get(`http://both.test:${port}/`)
      const told = [...(yield* Queue.takeAll(events))].filter(PoolEvent.$is("EgressDenied"))
      assert.deepStrictEqual(
        told.map(({ denials, dialled, key }) => [key.host, denials.map(({ address }) => address), dialled]),
        [
          ["127.0.0.2", ["127.0.0.2"], false],
          ["both.test", ["127.0.0.3"], true]
        ]
      )
      assert.strictEqual(told[0]?.denials, error.denials)
      assert.deepInclude({ ...(yield* pool.stats) }, { egressDenied: 2, connectFailures: 1, created: 1 })
      assert.strictEqual((yield* Metric.value(counter)).count - before, 2)
    }).pipe(Effect.provide(guarded({ egress: only1, resolver: names({ "both.test": ["127.0.0.3", "127.0.0.1"] }) })))
  )

  it.scoped("does not end what is open: a connection goes where the policy once let it go", () =>
    Effect.gen(function* () {
      const { port, requests } = yield* served
      let verdict = EgressPolicy.allowed
      let asked = 0
      const egress = EgressPolicy.fromFunction("changes", () => {
        asked++
        return verdict
      })
      yield* Effect.gen(function* () {
        yield* get(`http://127.0.0.1:${port}/1`)
        verdict = EgressPolicy.denied("not any more")
        yield* get(`http://127.0.0.1:${port}/2`)
        assert.strictEqual(asked, 1)
        yield* (yield* ConnectionPool.ConnectionPool).clear
        causeOf(yield* Effect.flip(get(`http://127.0.0.1:${port}/3`)))
        assert.deepStrictEqual(requests, ["GET /1", "GET /2"])
      }).pipe(Effect.provide(guarded({ egress })))
    })
  )

  it.scoped("to a unix socket is denied whatever its URL says", () =>
    Effect.gen(function* () {
      const path = yield* temporaryPath("docker.sock")
      const { acceptedCount } = yield* listenUnix(path)
      const client = yield* HttpClient.HttpClient
      const through = PooledHttpClient.withTarget(client, { socketPath: path })
      const error = causeOf(yield* Effect.flip(through.get("http://example.com/")))
      assert.deepInclude({ ...error }, { address: path, rule: "a unix socket is not the public internet" })
      assert.strictEqual(acceptedCount(), 0)
    }).pipe(Effect.provide(guarded()))
  )
})

describe("where a policy comes from", () => {
  const key = (port: number) => ConnectionKey.make({ host: "127.0.0.1", port, useTls: false })
  const reach = Effect.fn(function* (layer: Layer.Layer<ConnectionPool.ConnectionPool, unknown>, port: number) {
    const context = yield* Effect.orDie(Layer.build(layer))
    const pool = Context.get(context, ConnectionPool.ConnectionPool)
    const outcome = yield* Effect.either(Effect.scoped(pool.acquire(key(port))))
    return outcome._tag === "Right" ? "reached" : outcome.left._tag
  })
  const provided = Layer.succeed(EgressPolicy.EgressPolicy, EgressPolicy.publicInternetOnly)

  it.scoped("the context of the layer, unless an option says otherwise", () =>
    Effect.gen(function* () {
      const { port } = yield* served
      const pool = (connector: NodeConnector.NodeConnectorOptions) => NodeConnectionPool.layer({ connector })
      assert.strictEqual(yield* reach(pool({}), port), "reached")
      assert.strictEqual(yield* reach(pool({}).pipe(Layer.provide(provided)), port), "EgressDenied")
      const ours = pool({ egress: EgressPolicy.unrestricted })
      assert.strictEqual(yield* reach(ours.pipe(Layer.provide(provided)), port), "reached")
    })
  )

  it.scoped("`guard`, which keeps a guarded layer apart from the same one without", () =>
    Effect.gen(function* () {
      const { port } = yield* served
      class Free extends Context.Tag("test/Free")<Free, ConnectionPool.ConnectionPoolShape>() {}
      class Bound extends Context.Tag("test/Bound")<Bound, ConnectionPool.ConnectionPoolShape>() {}
      class Again extends Context.Tag("test/Again")<Again, ConnectionPool.ConnectionPoolShape>() {}
      const guardedPool = PoolLive.pipe(EgressPolicy.guard(EgressPolicy.publicInternetOnly))
      const pools = yield* Layer.build(
        Layer.mergeAll(
          Layer.effect(Free, ConnectionPool.ConnectionPool).pipe(Layer.provide(PoolLive)),
          Layer.effect(Bound, ConnectionPool.ConnectionPool).pipe(Layer.provide(guardedPool)),
          Layer.effect(Again, ConnectionPool.ConnectionPool).pipe(Layer.provide(guardedPool))
        )
      )
      const outcome = (pool: ConnectionPool.ConnectionPoolShape) =>
        Effect.map(Effect.either(Effect.scoped(pool.acquire(key(port)))), (_) => _._tag)
      assert.strictEqual(yield* outcome(Context.get(pools, Free)), "Right")
      assert.strictEqual(yield* outcome(Context.get(pools, Bound)), "Left")
      assert.strictEqual(Context.get(pools, Bound), Context.get(pools, Again))
    })
  )

  it.effect("an option that is no policy fails the layer's build", () =>
    Effect.gen(function* () {
      for (const egress of [
        null,
        {},
        () => EgressPolicy.allowed,
        { label: "x" },
        { judge: () => EgressPolicy.allowed }
      ]) {
        const exit = yield* Effect.exit(Effect.scoped(NodeConnector.make({ egress: egress as never })))
        const defect = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined
        assert.instanceOf(defect, PoolError.InvalidPoolConfig)
        assert.strictEqual((defect as PoolError.InvalidPoolConfig).field, "connector.egress")
      }
    })
  )
})
