/**
 * What a caller keeps in an `AsyncLocalStorage` is there whenever the caller goes on, whoever's callback wakes it, and
 * nowhere else. Connections are shared, and so are timers, dials and turns of the event loop.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { type HttpSafety, PooledHttpClient } from "@hotaru/client"
import { EgressPolicy, NodePooledHttpClient } from "@hotaru/node"
import { ConnectionKey, ConnectionPool, Lease } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

interface Store {
  readonly tenant: string
}

const stores = new AsyncLocalStorage<Store>()
const seen: Effect.Effect<string | undefined> = Effect.sync(() => stores.getStore()?.tenant)

type Client = HttpClient.HttpClient | ConnectionPool.ConnectionPool
type Options = NodePooledHttpClient.NodePooledHttpClientOptions

interface Here {
  readonly url: string
  readonly port: number
  /** Runs a program as a caller with a store of its own, or with none. */
  readonly as: <A, E>(tenant: string | undefined, program: Effect.Effect<A, E, Client>) => Promise<A>
}

const answers: Readonly<Record<string, Http.RequestListener>> = {
  "/pieces": (_, response) => {
    let left = 4
    const piece = () => {
      if (left-- === 0) return void response.end()
      response.write(`piece ${left}\n`)
      setTimeout(piece, 2)
    }
    piece()
  },
  "/late": (_, response) => void setTimeout(() => response.end("late"), 5),
  "/never": () => {},
  "/stalled": (_, response) => void response.write("the beginning"),
  "/reset": (request) => void request.socket.resetAndDestroy(),
  "/moved": (_, response) => void response.writeHead(302, { location: "/late" }).end(),
  "/big": (_, response) => void response.end("x".repeat(64 * 1024)),
  // Reads in portions, so that whoever sends must wait for it to take more.
  "/slow": (request, response) => {
    let total = 0
    request.on("data", (data: Uint8Array) => {
      total += data.length
      request.pause()
      setTimeout(() => request.resume(), 1)
    })
    request.on("end", () => response.end(String(total)))
  }
}

const answer: Http.RequestListener = (request, response) => {
  const known = answers[request.url ?? "/"]
  if (known === undefined) response.end("hello")
  else known(request, response)
}

/** A server, and the client that is built outside of any caller's store unless `builder` names one. */
const onServer = (options: Options, test: (here: Here) => Promise<void>, builder?: string) => () =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const server = Http.createServer(answer)
        yield* Effect.acquireRelease(
          Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
          () =>
            Effect.async<void>((resume) => {
              server.closeAllConnections()
              server.close(() => resume(Effect.void))
            })
        )
        const { port } = server.address() as AddressInfo
        const scope = yield* Effect.scope
        const build = Layer.toRuntime(NodePooledHttpClient.layer({ drainTimeout: 0, ...options })).pipe(
          Scope.extend(scope)
        )
        const runtime = yield* Effect.promise(() => within(builder, () => Effect.runPromise(build)))
        const as: Here["as"] = (tenant, program) => within(tenant, () => Runtime.runPromise(runtime)(program))
        yield* Effect.promise(() => test({ url: `http://127.0.0.1:${port}`, port, as }))
      })
    )
  )

/** Every store that was ever given to a caller. */
const given: Array<WeakRef<Store>> = []

const within = <A>(tenant: string | undefined, f: () => A): A => {
  if (tenant === undefined) return stores.exit(f)
  const store = { tenant }
  given.push(new WeakRef(store))
  return stores.run(store, f)
}

const tenants = ["a", "b", "c", "d", "e"] as const

/** Five callers at once, several times; each tells whose store it saw at each step. */
const rounds = async (
  here: Here,
  program: (tenant: string) => Effect.Effect<ReadonlyArray<string | undefined>, unknown, Client>,
  count = 5
): Promise<void> => {
  for (let round = 0; round < count; round++) {
    // In another order each time, so that each gets a connection that another one has opened.
    const callers = tenants.map((_, i) => tenants[(i * ((round % 4) + 1) + round) % tenants.length] as string)
    const all = await Promise.all(callers.map((tenant) => here.as(tenant, program(tenant))))
    for (const [i, saw] of all.entries()) {
      assert.isAbove(saw.length, 0)
      assert.deepStrictEqual(
        saw,
        Array.from(saw, () => callers[i]),
        `round ${round}, caller ${callers[i]}`
      )
    }
  }
}

/** What a caller sees after each step. */
const after = (...steps: ReadonlyArray<Effect.Effect<unknown, unknown, Client>>) =>
  Effect.forEach(steps, (step) => Effect.zipRight(step, seen))

describe("A caller's AsyncLocalStorage", () => {
  for (const traced of [true, false]) {
    it(
      `is its own after a request and after its body, 100 times of 100, ${traced ? "with" : "without"} spans`,
      onServer({}, (here) =>
        rounds(
          here,
          () =>
            Effect.gen(function* () {
              const response = yield* HttpClient.get(`${here.url}/`)
              const saw = [yield* seen]
              yield* response.text
              saw.push(yield* seen)
              const late = yield* HttpClient.get(`${here.url}/pieces`)
              saw.push(yield* seen)
              yield* late.arrayBuffer
              saw.push(yield* seen)
              return saw
            }).pipe(Effect.withTracerEnabled(traced), Effect.withSpan("caller")),
          20
        )
      )
    )
  }

  it(
    "is its own while a body is read piece by piece",
    onServer({}, (here) =>
      rounds(here, () =>
        Effect.gen(function* () {
          const saw: Array<string | undefined> = []
          const look = Effect.sync(() => void saw.push(stores.getStore()?.tenant))
          const pieces = HttpClient.get(`${here.url}/pieces`)
          yield* Effect.flatMap(pieces, ({ stream }) => Stream.runForEach(stream, () => look))
          yield* look
          yield* Effect.flatMap(
            pieces,
            PooledHttpClient.forEachChunk(() => void saw.push(stores.getStore()?.tenant))
          )
          const response = yield* pieces
          yield* Effect.ignore(Effect.forever(Effect.zipRight(PooledHttpClient.pull(response), look)))
          yield* look
          assert.isAbove(saw.length, 6)
          return saw
        })
      )
    )
  )

  it(
    "is its own in what produces the body of a request, also after the connection would take no more",
    onServer({}, (here) =>
      rounds(
        here,
        () =>
          Effect.gen(function* () {
            const saw: Array<string | undefined> = []
            const piece = () => {
              saw.push(stores.getStore()?.tenant)
              return new Uint8Array(512 * 1024)
            }
            const effects = Stream.repeatEffect(Effect.sync(piece)).pipe(Stream.take(4))
            async function* iterable() {
              for (let i = 0; i < 4; i++) yield piece()
            }
            let left = 4
            const readable = new Readable({
              read() {
                this.push(left-- > 0 ? piece() : null)
              }
            })
            for (const body of [HttpBody.stream(effects), HttpBody.raw(iterable()), HttpBody.raw(readable)]) {
              const request = HttpClientRequest.post(`${here.url}/slow`).pipe(HttpClientRequest.setBody(body))
              const response = yield* HttpClient.execute(request)
              saw.push(yield* seen)
              assert.strictEqual(yield* response.text, String(4 * 512 * 1024))
            }
            assert.isAtLeast(saw.length, 15)
            return saw
          }),
        2
      )
    )
  )

  const failing = (limits: Partial<HttpSafety.HttpSafety>, path: string) => (here: Here) =>
    Effect.gen(function* () {
      const client = PooledHttpClient.withLimits(yield* HttpClient.HttpClient, limits)
      const failed = Effect.flatMap(client.get(`${here.url}${path}`), ({ text }) => text)
      return yield* Effect.matchEffect(failed, {
        onFailure: () => Effect.map(seen, (saw) => [saw]),
        onSuccess: () => Effect.die("it did not fail")
      })
    })

  const failures: ReadonlyArray<[string, Options, ReturnType<typeof failing>]> = [
    ["a refused dial", {}, () => failing({}, "")({ url: "http://127.0.0.1:1" } as Here)],
    [
      "a refused dial that all were waiting for",
      { maxConnecting: 1, maxConnectionsPerHost: 1 },
      () => failing({}, "")({ url: "http://127.0.0.1:1" } as Here)
    ],
    ["a reset", {}, failing({}, "/reset")],
    ["requestTimeout", {}, failing({ requestTimeout: "20 millis" }, "/never")],
    ["headersTimeout", {}, failing({ headersTimeout: "20 millis" }, "/never")],
    [
      "acquireTimeout",
      { maxConnectionsPerHost: 1 },
      (here) =>
        Effect.raceFirst(
          failing({ acquireTimeout: "20 millis", requestTimeout: "30 millis" }, "/never")(here),
          Effect.never
        )
    ],
    ["maxBodySize", {}, failing({ maxBodySize: 1000 }, "/big")],
    [
      "an error of its own body",
      {},
      (here) =>
        HttpClient.execute(
          HttpClientRequest.post(`${here.url}/slow`).pipe(
            HttpClientRequest.setBody(HttpBody.stream(Stream.fail("no") as Stream.Stream<never, unknown>))
          )
        ).pipe(
          Effect.exit,
          Effect.zipRight(seen),
          Effect.map((saw) => [saw])
        )
    ]
  ]

  for (const [what, options, program] of failures) {
    it(
      `is its own in the handler of ${what}`,
      onServer(options, (here) => rounds(here, () => program(here)))
    )
  }

  it(
    "is its own after redirects, retries and repetitions",
    onServer({}, (here) =>
      rounds(here, () =>
        Effect.gen(function* () {
          const client = yield* HttpClient.HttpClient
          const moving = PooledHttpClient.followRedirects(client)
          const stubborn = HttpClient.retry(client, Schedule.recurs(2))
          return yield* after(
            Effect.flatMap(moving.get(`${here.url}/moved`), ({ text }) => text),
            Effect.ignore(stubborn.get(`${here.url}/reset`)),
            Effect.scoped(Effect.flatMap(HttpClient.withScope(client).get(`${here.url}/late`), ({ text }) => text))
          )
        })
      )
    )
  )

  it(
    "is its own in what it does when it is interrupted from another one's context",
    onServer({}, async (here) => {
      const saw: Array<string | undefined> = []
      const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      const asked = tenants.map((tenant) =>
        here.as(
          tenant,
          Effect.gen(function* () {
            const onInterrupt = Effect.onInterrupt(() => Effect.map(seen, (store) => void saw.push(store)))
            const stalled = HttpClient.get(`${here.url}/stalled`)
            const waits = [
              HttpClient.get(`${here.url}/never`),
              Effect.flatMap(stalled, ({ text }) => text),
              Effect.flatMap(stalled, ({ stream }) => Stream.runDrain(stream))
            ]
            for (const wait of waits) fibers.push(yield* Effect.forkDaemon(onInterrupt(wait)))
            yield* Effect.sleep("50 millis")
          })
        )
      )
      await Promise.all(asked)
      await here.as("the interrupter", Fiber.interruptAll(fibers))
      assert.deepStrictEqual(
        saw.sort(),
        tenants.flatMap((tenant) => [tenant, tenant, tenant])
      )
    })
  )
})

const keyOf = (here: Here) => Effect.map(ConnectionKey.fromUrl(here.url), (key) => ({ key }))

describe("The AsyncLocalStorage of a caller of the pool", () => {
  const reused = Lease.Reusable()

  it(
    "is its own after it has waited for a dial, or for the return of another caller's connection",
    onServer({ maxConnectionsPerHost: 1 }, (here) =>
      rounds(
        here,
        () =>
          Effect.gen(function* () {
            const pool = yield* ConnectionPool.ConnectionPool
            const { key } = yield* keyOf(here)
            return yield* after(
              pool.use(key, (_, lease) => Effect.sync(() => lease.settle(reused))),
              Effect.uninterruptible(Effect.map(pool.lease(key), (lease) => lease.settle(reused))),
              Effect.scoped(Effect.flatMap(pool.acquire(key), (connection) => pool.settle(connection, reused))),
              pool.warm(key, 1)
            )
          }),
        20
      )
    )
  )

  it(
    "is its own in what it does when it is interrupted in line",
    onServer({ maxConnectionsPerHost: 1 }, async (here) => {
      const saw = await here.as(
        "the holder",
        Effect.scoped(
          Effect.gen(function* () {
            const pool = yield* ConnectionPool.ConnectionPool
            const { key } = yield* keyOf(here)
            yield* pool.acquire(key)
            const saw: Array<string | undefined> = []
            const waiting = pool
              .use(key, () => Effect.void)
              .pipe(
                Effect.onInterrupt(() => Effect.map(seen, (store) => void saw.push(store))),
                Effect.forkDaemon
              )
            const fiber = yield* Effect.promise(() => here.as("the waiter", Effect.zipLeft(waiting, Effect.sleep(10))))
            yield* Fiber.interrupt(fiber)
            return saw
          })
        )
      )
      assert.deepStrictEqual(saw, ["the waiter"])
    })
  )

  it(
    "is none if it has none, whoever's return it has waited for",
    onServer({ maxConnectionsPerHost: 1 }, async (here) => {
      const using = Effect.gen(function* () {
        const pool = yield* ConnectionPool.ConnectionPool
        const { key } = yield* keyOf(here)
        const inside = yield* pool.use(key, (_, lease) =>
          Effect.zipLeft(
            seen,
            Effect.sync(() => lease.settle(reused))
          )
        )
        return [inside, yield* seen]
      })
      for (let round = 0; round < 5; round++) {
        const callers = ["a", undefined, "b", undefined, undefined, "c"]
        const all = await Promise.all(callers.map((caller) => here.as(caller, using)))
        assert.deepStrictEqual(
          all,
          callers.map((caller) => [caller, caller])
        )
      }
    })
  )

  it(
    "is its own when another caller drains the pool under it",
    onServer({ maxConnectionsPerHost: 1 }, async (here) => {
      const drained = here.as(
        "the drainer",
        Effect.scoped(
          Effect.gen(function* () {
            const pool = yield* ConnectionPool.ConnectionPool
            const { key } = yield* keyOf(here)
            yield* pool.acquire(key)
            const using = Effect.exit(pool.use(key, () => Effect.void))
            const waiting = here.as("the waiter", Effect.zipRight(using, seen))
            yield* Effect.repeat(pool.stats, { until: (stats) => stats.pendingAcquires === 1 })
            yield* pool.drain
            return waiting
          })
        )
      )
      assert.strictEqual(await drained, "the waiter")
    })
  )
})

describe("What the pool does on its own behalf", () => {
  it("sees no caller's AsyncLocalStorage, nor that of the caller that had it built", async () => {
    const saw: Record<string, Array<string | undefined>> = {}
    const look = (what: string) => {
      saw[what] ??= []
      saw[what].push(stores.getStore()?.tenant)
    }
    const lookup = Effect.sync(() => {
      look("resolver")
      return ["127.0.0.1"]
    })
    const options: Options = {
      idleTimeout: "30 millis",
      cleanupInterval: "10 millis",
      perHost: () => {
        look("perHost")
        return {}
      },
      shouldEvict: () =>
        Effect.sync(() => {
          look("shouldEvict")
          return false
        }),
      connector: {
        resolver: { lookup: () => Effect.zipRight(Effect.yieldNow(), lookup) },
        egress: {
          label: "looks",
          judge: () => {
            look("egress")
            return EgressPolicy.unrestricted.judge({
              _tag: "Address",
              host: "",
              port: 1,
              useTls: false,
              address: "127.0.0.1"
            })
          }
        }
      }
    }
    await onServer(
      options,
      async (here) => {
        for (let round = 0; round < 4; round++) {
          await Promise.all(
            tenants.map((tenant) =>
              here.as(
                tenant,
                Effect.zipRight(
                  Effect.flatMap(HttpClient.get(`http://${tenant}${round}.test:${here.port}/late`), ({ text }) => text),
                  Effect.sleep("25 millis")
                )
              )
            )
          )
        }
      },
      "the builder"
    )()
    assert.deepStrictEqual(Object.keys(saw).sort(), ["egress", "perHost", "resolver", "shouldEvict"])
    for (const [what, all] of Object.entries(saw)) {
      assert.isAtLeast(all.length, 5, what)
      assert.deepStrictEqual(new Set(all), new Set([undefined]), what)
    }
  })

  it(
    "is told to a listener in the listener's context",
    onServer({}, async (here) => {
      const listening = here.as(
        "the listener",
        Effect.scoped(
          Effect.gen(function* () {
            const pool = yield* ConnectionPool.ConnectionPool
            const queue = yield* pool.subscribe
            const saw: Array<string | undefined> = []
            while (saw.length < 20) {
              yield* Queue.take(queue)
              saw.push(yield* seen)
            }
            return saw
          })
        )
      )
      const streaming = here.as(
        "the streamer",
        Effect.gen(function* () {
          const pool = yield* ConnectionPool.ConnectionPool
          const saw: Array<string | undefined> = []
          yield* pool.events.pipe(
            Stream.take(20),
            Stream.runForEach(() => Effect.map(seen, (store) => void saw.push(store)))
          )
          return saw
        })
      )
      await rounds(here, () => after(Effect.flatMap(HttpClient.get(`${here.url}/`), ({ text }) => text)))
      assert.deepStrictEqual(new Set(await listening), new Set(["the listener"]))
      assert.deepStrictEqual(new Set(await streaming), new Set(["the streamer"]))
    })
  )
})

// Node loads its own `fetch` where one of its classes is first named, and that loading keeps the store of that moment.
new FormData()

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("The store of a caller that has ended", () => {
  it(
    "is kept alive by nothing of the pool: connections, timers, dials, background fibers, what was refused or left",
    onServer(
      { maxConnectionsPerHost: 2, minIdlePerHost: 1, idleTimeout: "1 hour", shouldEvict: () => Effect.succeed(false) },
      async (here) => {
        const { length } = given
        const ignored = (request: Effect.Effect<unknown, unknown, Client>) => Effect.ignore(request)
        await rounds(
          here,
          () =>
            after(
              Effect.flatMap(HttpClient.get(`${here.url}/`), ({ text }) => text),
              Effect.flatMap(HttpClient.get(`${here.url}/pieces`), ({ stream }) => Stream.runDrain(stream)),
              HttpClient.execute(
                HttpClientRequest.post(`${here.url}/slow`).pipe(
                  HttpClientRequest.setBody(HttpBody.stream(Stream.make(new Uint8Array(512 * 1024), new Uint8Array(9))))
                )
              ),
              Effect.timeoutOption(HttpClient.get(`${here.url}/never`), "5 millis"),
              ignored(HttpClient.get(`${here.url}/reset`)),
              ignored(HttpClient.get("http://127.0.0.1:1")),
              Effect.flatMap(HttpClient.get(`${here.url}/`), ({ text }) => text)
            ),
          2
        )
        assert.strictEqual(given.length, length + 10)
        // Timers of the server's, and those of what was interrupted, go off meanwhile.
        for (let i = 0; i < 500 && given.some((store) => store.deref() !== undefined); i++) {
          await turn()
          if (i % 10 === 0) collectGarbage()
        }
        const alive = given.flatMap((store) => store.deref()?.tenant ?? [])
        assert.deepStrictEqual(alive, [])
        const stats = await here.as(
          undefined,
          Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)
        )
        assert.isAtLeast(stats.pooledConnections, 1)
      },
      "the builder"
    )
  )
})
