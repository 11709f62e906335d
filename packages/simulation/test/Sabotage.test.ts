/** Each invariant can fail: for each there is something to put between the parts that breaks it. */
import * as HttpClient from "@effect/platform/HttpClient"
import { RequestError } from "@effect/platform/HttpClientError"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import type { Connection, Receiver } from "@hotaru/pool/Connection"
import * as ConnectionKey from "@hotaru/pool/ConnectionKey"
import type { ConnectionPoolShape, UnsafePool } from "@hotaru/pool/ConnectionPool"
import type { Lease, LeaseRequest } from "@hotaru/pool/Lease"
import { ConnectError, type EgressDenied, PendingLimitReached, PoolClosed } from "@hotaru/pool/PoolError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Sabotage } from "../src/Sabotage.js"
import * as Simulation from "../src/Simulation.js"

/** The same object, seen differently in some properties. */
const like = <A extends object>(original: A, changed: { readonly [K in keyof A]?: A[K] | undefined }): A =>
  new Proxy(original, {
    get: (target, name) => {
      if (name in changed) return changed[name as keyof A]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === "function" ? value.bind(target) : value
    },
    set: (target, name, value) => Reflect.set(target, name, value, target)
  })

const onRequest = (change: (inner: UnsafePool["request"]) => UnsafePool["request"]): Sabotage => ({
  pool: (pool) => ({ ...pool, unsafe: { ...pool.unsafe, request: change(pool.unsafe.request) } })
})

const onConnection = (change: (connection: Connection) => Connection): Sabotage => ({
  connector: ({ connect }) => ({ connect: (key) => Effect.map(connect(key), change) })
})

const onPool = (change: (pool: ConnectionPoolShape) => Partial<ConnectionPoolShape>): Sabotage => ({
  pool: (pool) => ({ ...pool, ...change(pool) })
})

const onAnswer = (
  change: (answer: Effect.Effect<HttpClientResponse, any, any>) => Effect.Effect<HttpClientResponse, any, any>
): Sabotage => ({ client: (client) => HttpClient.transformResponse(client, change) as HttpClient.HttpClient })

/** Every so often. */
const every = (n: number) => {
  let count = 0
  return () => ++count % n === 0
}

const elsewhere = ConnectionKey.make({ host: "h9.test", port: 80, useTls: false })

const timesTwo = (duration: Duration.DurationInput | undefined) =>
  duration === undefined ? undefined : Duration.times(Duration.decode(duration), 2)

const plants: ReadonlyArray<readonly [what: string, caughtBy: string, make: () => Sabotage]> = [
  [
    "statistics that count a hit too many",
    "honest statistics",
    () => onPool((pool) => ({ stats: Effect.map(pool.stats, (stats) => ({ ...stats, hits: stats.hits + 1 })) }))
  ],
  [
    "a connector that opens two connections for one",
    "honest statistics",
    () => ({ connector: ({ connect }) => ({ connect: (key) => Effect.zipRight(connect(key), connect(key)) }) })
  ],
  [
    "a limit that is one too high",
    "limits",
    () => ({ config: (config) => ({ ...config, maxConnections: (config.maxConnections ?? 0) + 1 }) })
  ],
  [
    "a limit of a host that is one too high",
    "limits",
    () => ({
      config: (config) => ({ ...config, maxConnectionsPerHost: (config.maxConnectionsPerHost ?? 0) + 1 })
    })
  ],
  [
    "more idle connections than allowed",
    "limits",
    () => ({ config: (config) => ({ ...config, maxIdlePerHost: (config.maxIdlePerHost ?? 0) + 1 }) })
  ],
  [
    "a line in which latecomers are served first",
    "order of asking",
    () =>
      onRequest((inner) => {
        const slots = new Set<{ readonly key: unknown; target: LeaseRequest }>()
        return (key, request, options) => {
          const before = [...slots].find((slot) => slot.key === key)
          const slot = { key, target: request }
          slots.add(slot)
          const pending = inner(
            key,
            {
              onLease: (lease) => {
                slots.delete(slot)
                slot.target.onLease(lease)
              },
              onRefused: (error) => {
                slots.delete(slot)
                slot.target.onRefused(error)
              }
            },
            options
          )
          if (before !== undefined && slots.has(slot)) {
            slot.target = before.target
            before.target = request
          }
          return pending
        }
      })
  ],
  [
    "a request that is never told of its lease",
    "honest statistics",
    () =>
      onRequest((inner) => {
        const lost = every(9)
        return (key, request, options) => inner(key, lost() ? like(request, { onLease: () => {} }) : request, options)
      })
  ],
  [
    "a lease that is given to two requests",
    "one lease a connection",
    () =>
      onRequest((inner) => {
        let last: Lease | undefined
        return (key, request, options) => {
          if (last !== undefined && !last.settled && last.connection.isOpen && last.key === key) {
            request.onLease(like(last, {}))
            return { cancel: () => false }
          }
          const onLease = (lease: Lease) => {
            last = lease
            request.onLease(lease)
          }
          return inner(key, like<LeaseRequest>(request, { onLease }), options)
        }
      })
  ],
  [
    "a connection to another host",
    "right host",
    () => onRequest((inner) => (_, request, options) => inner(elsewhere, request, options))
  ],
  [
    "turns that end at once",
    "a connection rests",
    () => onConnection((connection) => like(connection, { turn: Effect.void, onTurn: (resume) => resume() }))
  ],
  [
    "a refusal that the pool's state does not call for",
    "only fitting failures",
    () =>
      onRequest((inner) => {
        const refused = every(5)
        return (key, request, options) => {
          if (!refused()) return inner(key, request, options)
          request.onRefused(new PoolClosed({ key }))
          return { cancel: () => false }
        }
      })
  ],
  [
    "answers that nobody reads and that are not offered to the pool",
    "unread answers give way",
    () =>
      onRequest((inner) => (key, request, options) => {
        const onLease = (lease: Lease) => {
          lease.offer = () => {}
          request.onLease(lease)
        }
        return inner(key, like<LeaseRequest>(request, { onLease }), options)
      })
  ],
  [
    "streams that are not told to the pool",
    "no hope, no wait",
    () =>
      onRequest((inner) => (key, request, options) => {
        const onLease = (lease: Lease) => {
          lease.mayLast = () => {}
          request.onLease(lease)
        }
        return inner(key, like<LeaseRequest>(request, { onLease }), options)
      })
  ],
  [
    "a host that is never dialled again after a failed dial",
    "no needless waiting",
    () => ({
      connector: ({ connect }) => {
        const failed = new Map<ConnectionKey.ConnectionKey, ConnectError | EgressDenied>()
        return {
          connect: (key) => {
            const before = failed.get(key)
            return before !== undefined
              ? Effect.fail(before)
              : Effect.tapError(connect(key), (error) => Effect.sync(() => failed.set(key, error)))
          }
        }
      }
    })
  ],
  [
    "a lack of descriptors that is not told to the pool",
    "few dials in vain",
    () => ({
      connector: ({ connect }) => ({
        connect: (key) =>
          Effect.mapError(connect(key), (error) =>
            error._tag === "ConnectError" ? new ConnectError({ ...error, code: undefined }) : error
          )
      })
    })
  ],
  [
    "a line in which those count for whom there is a place",
    "no needless refusal",
    () => ({
      pool: (pool) => ({
        ...pool,
        unsafe: {
          ...pool.unsafe,
          request: (key, request, options) => {
            const host = Option.getOrUndefined(HashMap.get(Effect.runSync(pool.hostStats), key))
            const maxPending = Number(pool.config.maxPendingPerHost)
            if (options?.replaces !== undefined || host === undefined || host.openingConnections === 0)
              return pool.unsafe.request(key, request, options)
            if (host.pendingAcquires - host.openingConnections < maxPending)
              return pool.unsafe.request(key, request, options)
            const numbers = {
              active: host.activeConnections,
              streaming: 0,
              longestStream: 0,
              idle: host.pooledConnections,
              opening: host.openingConnections,
              waiting: host.pendingAcquires,
              limit: pool.config.perHost(key)?.maxConnectionsPerHost ?? pool.config.maxConnectionsPerHost,
              limiting: undefined,
              suspended: Effect.runSync(pool.stats).suspended
            }
            request.onRefused(new PendingLimitReached({ key, maxPending, placed: 0, numbers }))
            return { cancel: () => false }
          }
        }
      })
    })
  ],
  [
    "connections that the pool does not keep for as short as was said",
    "stale is gone",
    () => ({ config: (config) => ({ ...config, idleTimeout: "1 hour", maxLifetime: "1 hour" }) })
  ],
  ["an eviction that does nothing", "evicted is gone", () => onPool(() => ({ evict: () => Effect.succeed(0) }))],
  [
    "a suspended pool that is not resumed",
    "no (idle|needless) waiting",
    () =>
      onPool((pool) => ({
        resume: Effect.void,
        stats: Effect.map(pool.stats, (stats) => ({ ...stats, suspended: false }))
      }))
  ],
  [
    "requests that wait too long",
    "acquireTimeout",
    () => ({ config: (config) => ({ ...config, acquireTimeout: timesTwo(config.acquireTimeout) }) as typeof config })
  ],
  [
    "limits in time that never pass",
    "everything ends",
    () =>
      onPool((pool) => ({
        unsafe: {
          ...pool.unsafe,
          deadlines: { ...pool.unsafe.deadlines, set: (_, onExpired) => pool.unsafe.deadlines.set(Infinity, onExpired) }
        }
      }))
  ],
  ["a drain that does nothing", "nothing is left", () => onPool(() => ({ drain: Effect.void }))],
  [
    "a drain that refuses those in line",
    "a drain serves its line",
    () => {
      const inLine = new Map<LeaseRequest, () => void>()
      return onPool((pool) => ({
        drain: Effect.suspend(() => {
          for (const refuse of [...inLine.values()]) refuse()
          return pool.drain
        }),
        unsafe: {
          ...pool.unsafe,
          request: (key, request, options) => {
            const pending = pool.unsafe.request(key, request, options)
            inLine.set(request, () => {
              if (pending.cancel()) request.onRefused(new PoolClosed({ key }))
            })
            return pending
          }
        }
      }))
    }
  ],
  [
    "a fiber that is left behind",
    "nothing is left",
    () => onAnswer((answer) => Effect.zipLeft(answer, Effect.forkDaemon(Effect.never)))
  ],
  [
    "a connection that does not tell of its end",
    "dead is dead",
    () =>
      onConnection(
        (connection) =>
          new Proxy(like(connection, {}), {
            set: (target, name, value) =>
              Reflect.set(target, name, name === "receiver" ? like<Receiver>(value, { onEnd: () => {} }) : value)
          })
      )
  ],
  [
    "a connection that is parked while it is paused",
    "contract of Connection",
    () =>
      onConnection((connection) =>
        like(connection, {
          park: () => {
            connection.pause()
            connection.park()
          }
        })
      )
  ],
  [
    "requests that are not HTTP",
    "well-formed requests",
    () =>
      onConnection((connection) =>
        like(connection, {
          write: (data) => connection.write(typeof data === "string" ? data.replace("HTTP/1.1", "HTTP/7.1") : data)
        })
      )
  ],
  [
    "requests that are written twice",
    "sent once|one exchange a connection",
    () =>
      onConnection((connection) =>
        like(connection, {
          write: (data) => {
            connection.write(data)
            return connection.write(data)
          }
        })
      )
  ],
  [
    "a client that mixes answers up",
    "own answer",
    () => {
      let last: HttpClientResponse | undefined
      return onAnswer((answer) =>
        Effect.map(answer, (response) => {
          const other = last ?? response
          last = response
          return other
        })
      )
    }
  ],
  [
    "a client that loses the end of a body",
    "whole answer",
    () =>
      onAnswer((answer) =>
        Effect.map(answer, (response) =>
          like(response, { text: Effect.map(response.text, (text) => text.slice(0, -1)) })
        )
      )
  ],
  [
    "a client that sends everything again that fails",
    "sent once",
    () => ({ client: (client) => HttpClient.retry(client, { times: 2 }) })
  ],
  ["a client that dies of failures", "no defects", () => onAnswer((answer) => Effect.orDie(answer))],
  [
    "a client that fails with what nobody declared",
    "only typed failures",
    () =>
      onAnswer((answer) =>
        Effect.mapError(answer, (error) =>
          error instanceof RequestError
            ? new RequestError({ request: error.request, reason: "Transport", cause: new Error("something") })
            : error
        )
      )
  ]
]

/** Seeds that are tried until one notices. */
const patience = 80

describe("what is put between the parts", () => {
  for (const [what, caughtBy, make] of plants) {
    it(`${what}: noticed as "${caughtBy}"`, () => {
      const expected = new RegExp(`^(${caughtBy}):`)
      const others = new Set<string>()
      for (let seed = 1; seed <= patience; seed++) {
        const { failure } = Simulation.run(seed, { sabotage: make() })
        if (failure === undefined) continue
        if (expected.test(failure)) return
        // One fault may break several invariants; which of them first, the seed decides.
        others.add(failure.split(":")[0] ?? failure)
      }
      assert.fail(`not noticed so in ${patience} seeds, but as: ${[...others].join(", ") || "nothing"}`)
    })
  }
})
