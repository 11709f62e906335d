/** What a run is like, as its seed says: the pool's and the client's options, the hosts, the temper of the network. */
import type { HttpSafety } from "@hotaru/client/HttpSafety"
import * as ConnectionKey from "@hotaru/pool/ConnectionKey"
import type { HostOverrides, PoolConfig } from "@hotaru/pool/PoolConfig"
import * as Effect from "effect/Effect"
import type { Draw } from "./Draw.js"

/** Milliseconds and counts. */
export interface PoolNumbers {
  readonly maxIdlePerHost: number
  readonly maxLifetime: number
  readonly lifetimeJitter: number
  readonly idleTimeout: number
  readonly connectionTimeout: number
  readonly enablePooling: boolean
  readonly cleanupInterval: number
  readonly idleOrder: "fifo" | "lifo"
  readonly maxConnectionsPerHost: number
  readonly maxConnections: number
  readonly maxPendingPerHost: number
  readonly acquireTimeout: number
  readonly maxRequestsPerConnection: number
  readonly maxConnectingPerHost: number
  readonly maxConnecting: number
  readonly retryBudgetPerHost: number
  readonly minIdlePerHost: number
  readonly drainTimeout: number
  readonly leakThreshold: number
}

export interface ClientNumbers {
  readonly readAhead: number
  readonly unreadBodyTimeout: number
  readonly bodyDrainBytes: number
  readonly bodyDrainTimeout: number
  readonly headersTimeout: number
  readonly bodyTimeout: number
  readonly requestTimeout: number
  readonly expectContinueTimeout: number
}

/**
 * `tight`: hosts fight for few places, dials are slow, callers leave. `steady`: little goes wrong, connections live long
 * and are used often. `streaming`: many answers do not end, and hosts go away under them. `any`: whatever comes.
 */
export type Theme = "tight" | "steady" | "streaming" | "any"

export interface Plan {
  readonly theme: Theme
  readonly hosts: number
  readonly pool: PoolNumbers
  /** Overrides for the first host. */
  readonly firstHost: { readonly maxConnectionsPerHost: number; readonly maxIdlePerHost: number } | undefined
  readonly evictsAfter: number | undefined
  readonly client: ClientNumbers
  /** Servers end idle connections and are slow, but break nothing: no repeatable request may fail. */
  readonly gentle: boolean
  /** How often something goes wrong where it can, from 0 to 1. */
  readonly trouble: number
  /** How often an answer is a stream that does not end. */
  readonly streams: number
  /** How often a call is interrupted. */
  readonly impatience: number
  /** The most calls under way at once. */
  readonly crowd: number
  /** Whether time also moves while the event loop does not poll. */
  readonly blocked: boolean
  /** Whether fibers go on in random order. */
  readonly shuffled: boolean
  readonly maxOpsBeforeYield: number
  /** Whether somebody listens to the pool's events. */
  readonly observed: boolean
  /** Whether requests have spans. */
  readonly traced: boolean
  /** Whether the pool is drained amid the calls. */
  readonly drainsEarly: boolean
}

export const make = (draw: Draw): Plan => {
  const theme = draw.pick(["tight", "steady", "any", "any", "streaming"])
  const plan = anyPlan(draw)
  if (theme === "tight") {
    const maxConnections = draw.int(1, 3)
    const pool = { ...plan.pool, maxConnections, maxIdlePerHost: draw.int(0, 1), maxPendingPerHost: 100 }
    return { ...plan, theme, pool, hosts: draw.int(2, 4), impatience: 0.3, crowd: 10 }
  }
  if (theme === "steady") {
    const lasting = { maxLifetime: 60_000, idleTimeout: 30_000, maxIdlePerHost: 4, minIdlePerHost: 0 }
    const pool = { ...plan.pool, ...lasting, maxConnections: 16, maxPendingPerHost: 100, enablePooling: true }
    return { ...plan, theme, pool, hosts: draw.int(1, 2), trouble: Math.min(plan.trouble, 0.02), firstHost: undefined }
  }
  if (theme === "streaming" && !plan.gentle) {
    const places = { maxConnectionsPerHost: draw.int(3, 4), maxConnections: 16, maxPendingPerHost: 100 }
    const pool = { ...plan.pool, ...places, acquireTimeout: 10_000, enablePooling: true }
    const client = { ...plan.client, bodyTimeout: 2500, requestTimeout: Infinity }
    return { ...plan, theme, pool, client, hosts: draw.int(1, 2), streams: 0.4, impatience: 0.05, firstHost: undefined }
  }
  return plan
}

const anyPlan = (draw: Draw): Plan => {
  const gentle = draw.chance(0.25)
  const maxConnectionsPerHost = draw.int(1, 4)
  return {
    theme: "any",
    hosts: draw.int(1, 4),
    pool: {
      maxIdlePerHost: draw.weighted([
        [1, 0],
        [3, 1],
        [8, 4]
      ]),
      maxLifetime: draw.pick([1500, 20_000, 60_000]),
      lifetimeJitter: draw.pick([0, 0.1, 0.5]),
      idleTimeout: draw.pick([400, 3000, 10_000, 30_000]),
      connectionTimeout: draw.pick([300, 1000, 3000]),
      enablePooling: draw.chance(0.95),
      cleanupInterval: draw.pick([300, 2000, 10_000]),
      idleOrder: draw.pick(["fifo", "lifo"]),
      maxConnectionsPerHost,
      maxConnections: draw.weighted([
        [1, draw.int(1, 2)],
        [3, draw.int(2, 8)],
        [1, 16]
      ]),
      maxPendingPerHost: draw.weighted([
        [1, 0],
        [2, 3],
        [8, 100]
      ]),
      acquireTimeout: draw.weighted([
        [1, 150],
        [3, 1500],
        [4, 10_000]
      ]),
      maxRequestsPerConnection: draw.weighted([
        [5, Infinity],
        [1, 1],
        [1, 2],
        [1, 5]
      ]),
      maxConnectingPerHost: draw.int(1, 3),
      maxConnecting: draw.int(1, 4),
      retryBudgetPerHost: gentle ? 100 : draw.pick([0, 1, 10]),
      minIdlePerHost: draw.weighted([
        [5, 0],
        [1, 1],
        [1, 2]
      ]),
      drainTimeout: draw.pick([0, 500, 3000]),
      leakThreshold: draw.pick([Infinity, Infinity, 700])
    },
    firstHost: draw.chance(0.2) ? { maxConnectionsPerHost: draw.int(1, 3), maxIdlePerHost: draw.int(0, 2) } : undefined,
    evictsAfter: draw.chance(0.1) ? draw.int(1, 4) : undefined,
    client: {
      readAhead: draw.pick([0, 100, 2000, 65_536]),
      unreadBodyTimeout: draw.pick([500, 2500, 8000]),
      bodyDrainBytes: draw.pick([0, 1000, 262_144]),
      bodyDrainTimeout: draw.pick([50, 250]),
      headersTimeout: draw.pick([400, 2500, 2500]),
      bodyTimeout: draw.pick([400, 2500, 2500]),
      requestTimeout: draw.pick([Infinity, Infinity, Infinity, 600, 4000]),
      expectContinueTimeout: draw.pick([100, 500])
    },
    gentle,
    trouble: gentle ? 0 : draw.pick([0.02, 0.08, 0.3]),
    streams: gentle ? 0 : draw.pick([0, 0.03, 0.15]),
    impatience: draw.pick([0, 0.05, 0.2]),
    crowd: draw.pick([3, 10, 30]),
    blocked: draw.chance(0.2),
    shuffled: draw.chance(0.4),
    maxOpsBeforeYield: draw.weighted([
      [3, 2048],
      [1, draw.int(16, 64)]
    ]),
    observed: draw.chance(0.8),
    traced: draw.chance(0.2),
    drainsEarly: draw.chance(0.2)
  }
}

export const hostName = (index: number): string => `h${index + 1}.test`

export const keys = (plan: Plan): ReadonlyArray<ConnectionKey.ConnectionKey> =>
  Array.from({ length: plan.hosts }, (_, index) =>
    ConnectionKey.make({ host: hostName(index), port: 80, useTls: false })
  )

export const overridesFor = (plan: Plan, host: string): HostOverrides | undefined =>
  host === hostName(0) ? plan.firstHost : undefined

export const poolConfig = (plan: Plan): Partial<PoolConfig> => {
  const { evictsAfter } = plan
  return {
    ...plan.pool,
    perHost: (key) => overridesFor(plan, key.host),
    shouldEvict: evictsAfter === undefined ? undefined : (info) => Effect.succeed(info.requests >= evictsAfter)
  } as Partial<PoolConfig>
}

export const safety = (plan: Plan): Partial<HttpSafety> => plan.client

/** Durations of what servers and users do are bounded by these. Milliseconds. */
export const longest = { answer: 10_000, upload: 3000, reading: 12_000, hold: 4000 } as const

/** Within this every call has come to its end, whatever happens: the sum of all limits. */
export const bound = ({ client, pool }: Plan): number =>
  pool.acquireTimeout +
  pool.connectionTimeout +
  client.expectContinueTimeout +
  3 * client.headersTimeout +
  3 * client.bodyTimeout +
  client.unreadBodyTimeout +
  client.bodyDrainTimeout +
  longest.answer +
  longest.upload +
  longest.reading +
  longest.hold +
  2000
