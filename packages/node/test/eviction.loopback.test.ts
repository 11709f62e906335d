import * as Http from "node:http"
import type * as Net from "node:net"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { AddressEviction, NodePooledHttpClient, type Resolver } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import { Effect, Fiber, type Scope, TestClock } from "effect"
import { turnUntil } from "./support/dialling.js"

interface Held {
  readonly address: string
  readonly response: Http.ServerResponse
}

interface Servers {
  readonly port: number
  /** Requests that have not been answered, in the order of their arrival. */
  readonly held: ReadonlyArray<Held>
  /** Takes what is held. */
  readonly take: () => ReadonlyArray<Held>
  /** Connections open to an address. */
  readonly open: (address: string) => number
}

/** One server per address, all on one port, that answer nothing by themselves. */
const serveOn = (addresses: ReadonlyArray<string>): Effect.Effect<Servers, never, Scope.Scope> =>
  Effect.gen(function* () {
    let held: Array<Held> = []
    const open = new Map<string, number>()
    let port = 0
    for (const address of addresses) {
      const server = Http.createServer((_request, response) => void held.push({ address, response }))
      // Its own ending of idle connections, and its hint of that, are off.
      server.keepAliveTimeout = 0
      server.on("connection", (socket: Net.Socket) => {
        open.set(address, (open.get(address) ?? 0) + 1)
        socket.once("close", () => open.set(address, (open.get(address) ?? 0) - 1))
      })
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => {
          server.once("error", (error) => resume(Effect.die(error)))
          server.listen(port, address, () => resume(Effect.void))
        }),
        () =>
          Effect.sync(() => {
            server.closeAllConnections()
            server.close()
          })
      )
      port = (server.address() as Net.AddressInfo).port
    }
    return {
      port,
      get held() {
        return held
      },
      take: () => {
        const taken = held
        held = []
        return taken
      },
      open: (address) => open.get(address) ?? 0
    }
  })

const changing = (...first: ReadonlyArray<string>) => {
  const state = { addresses: first, asked: 0 }
  const resolver: Resolver.ResolverShape = {
    lookup: () => {
      state.asked++
      return Effect.succeed(state.addresses)
    }
  }
  return { state, resolver }
}

const get = (port: number) =>
  Effect.fork(Effect.flatMap(HttpClient.get(`http://api.test:${port}/`), ({ text }) => text))

/** Lets the event loop turn as often as anything under way needs. */
const someTurns = Effect.suspend(() => {
  let left = 10
  return turnUntil(() => left-- === 0)
})

/** Starts requests, and answers what has arrived once all have. */
const arrive = (servers: Servers, count: number) =>
  Effect.gen(function* () {
    const requests = yield* Effect.replicateEffect(get(servers.port), count)
    yield* turnUntil(() => servers.held.length === count)
    return requests
  })

describe("on loopback, when a name's addresses change from .1 and .2 to .2 and .3", () => {
  it.scoped("idle connections to .1 end in the next round, a busy one with its response; those to .2 stay", () => {
    const { resolver, state } = changing("127.0.0.1", "127.0.0.2")
    return Effect.gen(function* () {
      const servers = yield* serveOn(["127.0.0.1", "127.0.0.2", "127.0.0.3"])
      const first = yield* arrive(servers, 4)
      const answers = servers.take()
      assert.sameMembers(
        answers.map(({ address }) => address),
        ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"]
      )
      const busy = answers.find(({ address }) => address === "127.0.0.1")
      for (const each of answers) if (each !== busy) each.response.end("answered")
      busy?.response.write("half of the answer, ")
      yield* turnUntil(() => first.filter((fiber) => fiber.unsafePoll() !== null).length === 3)
      const pool = yield* ConnectionPool.ConnectionPool
      assert.deepInclude({ ...(yield* pool.stats) }, { activeConnections: 1, pooledConnections: 3 })

      state.addresses = ["127.0.0.2", "127.0.0.3"]
      yield* TestClock.adjust("30 seconds")
      yield* turnUntil(() => servers.open("127.0.0.1") === 1)
      assert.strictEqual(servers.open("127.0.0.2"), 2)
      assert.deepInclude({ ...(yield* pool.stats) }, { activeConnections: 1, pooledConnections: 2 })

      busy?.response.end("and the other")
      const texts = yield* Fiber.joinAll(first)
      assert.sameMembers([...texts], ["answered", "answered", "answered", "half of the answer, and the other"])
      yield* turnUntil(() => servers.open("127.0.0.1") === 0)
      assert.strictEqual((yield* pool.stats).closed.Evicted, 2)

      // Two of these find the idle connections, two are dialled.
      const second = yield* arrive(servers, 4)
      const more = servers.take()
      assert.sameMembers(
        more.map(({ address }) => address),
        ["127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.3"]
      )
      for (const { response } of more) response.end("answered")
      yield* Fiber.joinAll(second)
      yield* TestClock.adjust("30 seconds")
      yield* someTurns
      assert.deepInclude({ ...(yield* pool.stats) }, { activeConnections: 0, pooledConnections: 4 })
    }).pipe(
      Effect.provide(
        NodePooledHttpClient.layer({
          shouldEvict: AddressEviction.departedAddresses({ absences: 1 }),
          idleTimeout: "1 hour",
          connector: { resolver }
        })
      )
    )
  })

  it.scoped(
    "evictDepartedAddresses waits for three look-ups that agree, one a round, shared by all connections",
    () => {
      const { resolver, state } = changing("127.0.0.1")
      return Effect.gen(function* () {
        const servers = yield* serveOn(["127.0.0.1", "127.0.0.2"])
        const pool = yield* ConnectionPool.ConnectionPool
        const requests = yield* arrive(servers, 3)
        for (const { response } of servers.take()) response.end()
        yield* Fiber.joinAll(requests)
        assert.strictEqual(state.asked, 1)

        state.addresses = ["127.0.0.2"]
        for (const round of [1, 2]) {
          yield* TestClock.adjust("30 seconds")
          yield* turnUntil(() => state.asked === 1 + round)
          yield* someTurns
          assert.deepInclude({ ...(yield* pool.stats) }, { pooledConnections: 3 })
        }
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual(state.asked, 3)
        yield* TestClock.adjust("1 seconds")
        yield* turnUntil(() => servers.open("127.0.0.1") === 0)
        assert.strictEqual(state.asked, 4)
        assert.strictEqual((yield* pool.stats).closed.Evicted, 3)

        const [next] = yield* arrive(servers, 1)
        const [answer] = servers.take()
        assert.strictEqual(answer?.address, "127.0.0.2")
        answer?.response.end()
        yield* next ?? Effect.void
      }).pipe(
        Effect.provide(
          NodePooledHttpClient.layer({ evictDepartedAddresses: true, idleTimeout: "1 hour", connector: { resolver } })
        )
      )
    }
  )
})
