/** What the tests of whole processes run: `child.ts <story> <port> ...`. Prints one line of JSON. */
import { closeSync, openSync, readFileSync } from "node:fs"
import { HttpClient } from "@effect/platform"
import { AddressEviction, NodeConnectionPool, NodeConnector, NodePooledHttpClient, Resolver } from "@hotaru/node"
import { ConnectionKey, ConnectionPool, type PoolError } from "@hotaru/pool"
import { Context, Deferred, Effect, Exit, Layer, Scope } from "effect"

const [story, port, file] = process.argv.slice(2)
const key = (useTls: boolean) => ConnectionKey.make({ host: "127.0.0.1", port: Number(port), useTls })
const say = (value: unknown) => Effect.sync(() => void process.stdout.write(`${JSON.stringify(value)}\n`))

const outcome = (options: NodeConnector.NodeConnectorOptions, useTls: boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connector = yield* NodeConnector.make(options)
      const { facts } = yield* connector.connect(key(useTls))
      return facts.tls?.authorized === true ? "authorized" : "open"
    })
  ).pipe(
    Effect.catchTag("EgressDenied", Effect.die),
    Effect.catchAll((error: PoolError.ConnectError) => Effect.succeed(`${error.phase} ${error.code} ${error.local}`))
  )

const stories: { readonly [story: string]: Effect.Effect<unknown, unknown> } = {
  /** Leaves parked connections behind and does nothing more. */
  parked: Effect.gen(function* () {
    const scope = yield* Scope.make()
    const connector = yield* Scope.extend(NodeConnector.make({ tls: { rejectUnauthorized: false } }), scope)
    for (const useTls of [true, true]) {
      const connection = yield* Scope.extend(connector.connect(key(useTls)), scope)
      connection.park()
    }
    yield* say("parked")
  }),
  /** Leaves a pool behind that looks its host up again and again. */
  watched: Effect.gen(function* () {
    let asked = 0
    const askedAgain = yield* Deferred.make<void>()
    const resolver: Resolver.ResolverShape = {
      lookup: (host) =>
        Effect.suspend(() => {
          if (++asked === 4) Deferred.unsafeDone(askedAgain, Effect.void)
          return Resolver.system.lookup(host)
        })
    }
    const layer = NodeConnectionPool.layer({
      cleanupInterval: "20 millis",
      shouldEvict: AddressEviction.departedAddresses({ refresh: "20 millis" }),
      connector: { resolver, family: "ipv4" }
    })
    const pool = Context.get(yield* Layer.buildWithScope(layer, yield* Scope.make()), ConnectionPool.ConnectionPool)
    yield* Effect.scoped(pool.acquire(ConnectionKey.make({ host: "localhost", port: Number(port), useTls: false })))
    // Nothing else keeps the process alive meanwhile: that is what is shown afterwards.
    const alive = setInterval(() => {}, 1000)
    yield* Deferred.await(askedAgain)
    clearInterval(alive)
    const { pooledConnections } = yield* pool.stats
    yield* say({ pooledConnections })
  }),
  /** Under NODE_EXTRA_CA_CERTS; the file holds an authority that signed nothing. */
  extraCa: Effect.gen(function* () {
    const other = readFileSync(file ?? "")
    yield* say([
      yield* outcome({}, true),
      yield* outcome({ tls: { extraCa: other } }, true),
      yield* outcome({ tls: { ca: other } }, true)
    ])
  }),
  /** 200 requests at once, with so many descriptors left. */
  scarce: Effect.gen(function* () {
    const url = `http://127.0.0.1:${port}/`
    const get = Effect.flatMap(HttpClient.get(url), (response) => response.text)
    // Whatever is loaded with the first request takes descriptors of its own.
    yield* Effect.provide(get, NodePooledHttpClient.layer({ maxConnections: 1 }))
    const held: Array<number> = []
    try {
      for (;;) held.push(openSync("/dev/null", "r"))
    } catch {
      for (const one of held.splice(0, Number(file))) closeSync(one)
    }
    const answers = Effect.gen(function* () {
      const exits = yield* Effect.all(
        Array.from({ length: 200 }, () => Effect.exit(get)),
        { concurrency: "unbounded" }
      )
      const { connectFailures } = yield* Effect.flatMap(ConnectionPool.ConnectionPool, ({ stats }) => stats)
      return { answered: exits.filter(Exit.isSuccess).length, connectFailures }
    })
    const said = yield* Effect.provide(answers, NodePooledHttpClient.layer())
    for (const one of held) closeSync(one)
    yield* say(said)
  }),
  /** With no descriptor left. */
  exhausted: Effect.gen(function* () {
    const scope = yield* Scope.make()
    const connector = yield* Scope.extend(NodeConnector.make(), scope)
    const held: Array<number> = []
    try {
      for (;;) held.push(openSync("/dev/null", "r"))
    } catch {
      const exit = yield* Effect.exit(Effect.scoped(connector.connect(key(false))))
      yield* say(
        Exit.isFailure(exit) && exit.cause._tag === "Fail"
          ? { ...exit.cause.error, key: undefined, cause: undefined }
          : "opened"
      )
    }
    yield* Effect.sync(() => process.exit(held.length > 0 ? 0 : 1))
  })
}

Effect.runFork(stories[story ?? ""] ?? Effect.dieMessage(`no such story: ${story}`))
