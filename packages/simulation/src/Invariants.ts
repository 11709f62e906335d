/** What must hold after every step, when everything is at rest, and at the end. */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { HostStats, PoolStats } from "@hotaru/pool/PoolStats"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as HashMap from "effect/HashMap"
import type { Dials } from "./Dials.js"
import * as Plan from "./Plan.js"
import type { Stack } from "./Stack.js"
import type { Troubles } from "./Troubles.js"

interface Books {
  readonly stats: PoolStats
  readonly hosts: ReadonlyArray<readonly [ConnectionKey, HostStats]>
}

/** The longest time between a failed dial and the next, while requests wait for it. Milliseconds. */
const longestPause = 1000

export class Invariants {
  private acquired = 0
  /** Hosts whose requests have nothing to hope for, and since when. */
  private readonly hopeless = new Map<string, number>()

  constructor(
    private readonly stack: Stack,
    private readonly plan: Plan.Plan,
    private readonly dials: Dials,
    private readonly troubles: Troubles
  ) {}

  /** One more lease was granted, the pool's events say. */
  countAcquired(): void {
    this.acquired++
  }

  get stats(): PoolStats {
    return Effect.runSync(this.stack.pool.stats)
  }

  private get books(): Books {
    return { stats: this.stats, hosts: [...HashMap.entries(Effect.runSync(this.stack.pool.hostStats))] }
  }

  private same(name: string, told: number, real: number): void {
    if (told !== real) this.stack.trace.broken("honest statistics", `${name} is told as ${told}, and is ${real}`)
  }

  private atMost(name: string, most: number, real: number): void {
    if (real > most) this.stack.trace.broken("limits", `${real} ${name}, where ${most} are allowed`)
  }

  /** `direct`: uses of the pool that may be in line, and that only the pool knows of. `requests`: through the client. */
  afterStep(direct: number, requests: number): void {
    const { network, trace, watch } = this.stack
    const { hosts, stats } = this.books
    const open = network.open.length
    this.same("pooledConnections + activeConnections", stats.pooledConnections + stats.activeConnections, open)
    this.same("openingConnections", stats.openingConnections, this.dials.pending().length)
    this.same(
      "created less closed",
      stats.created - Object.values(stats.closed).reduce((sum, count) => sum + count, 0),
      open
    )
    this.same("hosts", stats.hosts, hosts.length)
    if (this.plan.observed) this.same("hits + misses", stats.hits + stats.misses, this.acquired)
    if (stats.hits + stats.misses < watch.grants) this.same("hits + misses", stats.hits + stats.misses, watch.grants)
    const waiting = watch.waiting.size
    if (waiting > requests) trace.broken("no ghosts", `${waiting} requests are in line for ${requests} calls`)
    if (stats.pendingAcquires < waiting || stats.pendingAcquires > waiting + direct)
      this.same("pendingAcquires", stats.pendingAcquires, waiting)
    for (const field of ["pooledConnections", "activeConnections", "openingConnections", "pendingAcquires"] as const) {
      this.same(
        `${field} of all hosts`,
        hosts.reduce((sum, [, host]) => sum + host[field], 0),
        stats[field]
      )
    }
    const { pool } = this.plan
    this.atMost("connections and dials", pool.maxConnections, open + stats.openingConnections)
    this.atMost("connections at one moment", pool.maxConnections, network.maxOpen())
    this.atMost("dials", pool.maxConnecting, stats.openingConnections)
    const inVain = this.stack.pool.unsafe.waitsInVain()
    if (inVain !== undefined) trace.broken("no waiting in vain", inVain)
    for (const [key, host] of hosts) this.checkHost(key, host)
    const violation = network.violations[0]
    if (violation !== undefined) trace.broken("contract of Connection", violation)
  }

  private checkHost(key: ConnectionKey, host: HostStats): void {
    const { network } = this.stack
    const { maxConnectionsPerHost, maxConnectingPerHost, maxIdlePerHost } = this.limits(key)
    const open = network.open.filter((socket) => Equal.equals(network.keyOf(socket), key)).length
    this.same(`connections to ${key}`, host.pooledConnections + host.activeConnections, open)
    this.same(`dials to ${key}`, host.openingConnections, this.dials.pending(key).length)
    this.atMost(`connections and dials to ${key}`, maxConnectionsPerHost, open + host.openingConnections)
    this.atMost(`connections at one moment to ${key}`, maxConnectionsPerHost, network.maxOpen(key))
    this.atMost(`dials to ${key}`, maxConnectingPerHost, host.openingConnections)
    this.atMost(`idle connections to ${key}`, maxIdlePerHost, host.pooledConnections)
  }

  private limits(key: ConnectionKey): Plan.PoolNumbers {
    return { ...this.plan.pool, ...(Plan.overridesFor(this.plan, key.host) as Partial<Plan.PoolNumbers> | undefined) }
  }

  /** When nothing goes on without time or the network. `warming`: whether somebody waits for a warm-up. */
  atRest(slack: number, draining: boolean, warming: boolean): void {
    const { network, now, trace, watch } = this.stack
    const { hosts, stats } = this.books
    for (const asked of watch.waiting) {
      if (now - asked.since > this.plan.pool.acquireTimeout + slack + 1)
        trace.broken("acquireTimeout", `request #${asked.number} has waited for ${now - asked.since} ms`)
    }
    for (const socket of network.open) {
      if (socket.ended && socket.parked) trace.broken("dead is dead", `connection ${socket.id} has ended and is idle`)
    }
    for (const [key, host] of hosts) {
      const any = host.pooledConnections + host.activeConnections + host.openingConnections + host.pendingAcquires
      // A suspended pool keeps in mind what was to be warmed up, even if nobody waits for it any more.
      if (any === 0 && !stats.suspended && (draining || (this.plan.pool.minIdlePerHost === 0 && !warming)))
        trace.broken("no empty host", `${key} has nothing and is known still`)
      if (draining || (this.plan.pool.minIdlePerHost === 0 && !warming)) this.checkDials(key, host, draining)
      // Those in line when a drain began are served like any others.
      if (!stats.suspended) this.checkWaiting(key, host, stats, slack)
    }
  }

  /** Nothing is dialled that nobody waits for and that could not be kept. */
  private checkDials(key: ConnectionKey, host: HostStats, draining: boolean): void {
    const room =
      this.plan.pool.enablePooling && !draining
        ? Math.max(this.limits(key).maxIdlePerHost - host.pooledConnections, 0)
        : 0
    if (host.openingConnections <= host.pendingAcquires + room) return
    const what = `${host.openingConnections} dials to ${key} for ${host.pendingAcquires} requests in line`
    this.stack.trace.broken("no dial for nobody", `${what}, and room for ${room} idle connections`)
  }

  /** Nobody waits while a fit connection or a place exists. */
  private checkWaiting(key: ConnectionKey, host: HostStats, stats: PoolStats, slack: number): void {
    const { trace, watch } = this.stack
    const { pool } = this.plan
    const { maxConnectingPerHost, maxConnectionsPerHost } = this.limits(key)
    const fresh = [...watch.waiting].filter((asked) => asked.fresh && Equal.equals(asked.key, key)).length
    const wait = `${host.pendingAcquires} wait for ${key}`
    if (host.pendingAcquires > fresh && host.pooledConnections > 0)
      trace.broken("no idle waiting", `${wait} while ${host.pooledConnections} connections are idle`)
    if (host.pendingAcquires <= host.openingConnections) return void this.hopeless.delete(String(key))
    const places = host.pooledConnections + host.activeConnections + host.openingConnections
    const mayDial = host.openingConnections < (host.failing ? 1 : maxConnectingPerHost)
    const ownRoom = places < maxConnectionsPerHost || (fresh > 0 && host.pooledConnections > 0)
    const total = stats.pooledConnections + stats.activeConnections + stats.openingConnections
    const room =
      stats.openingConnections < pool.maxConnecting && (total < pool.maxConnections || stats.pooledConnections > 0)
    // Answers that nobody reads are asked back after a second, on the same host or, where the total binds, on any.
    const full = total >= pool.maxConnections
    const overdue = watch.offers.overdue(1000 + slack, places >= maxConnectionsPerHost || !full ? key : undefined)
    const hopeless = host.pendingAcquires - host.openingConnections - watch.offers.comingBack
    // Whoever came while dials were under way counts on them.
    const late = [...watch.waiting].some(
      (asked) => asked.number > watch.askedBeforeDial && Equal.equals(asked.key, key)
    )
    if (late && hopeless > 0 && overdue > 0 && (full || places >= maxConnectionsPerHost))
      trace.broken("unread answers give way", `${wait}, and ${overdue} answers are on offer`)
    // After a failed dial the next begins within a second; one at a time in the whole pool where it failed for want of
    // something of our own.
    const isSoon = (since: number) => since <= longestPause + slack
    const pausing = isSoon(watch.sinceFailure(key) ?? Infinity)
    const scarce = watch.sinceScarcity < Infinity && (stats.openingConnections > 0 || isSoon(watch.sinceScarcity))
    this.checkHope(key, mayDial && ownRoom && room && !scarce, slack)
    if (mayDial && ownRoom && room && !pausing && !scarce)
      trace.broken("no needless waiting", `${wait}, ${host.openingConnections} are dialled, and there is room for more`)
  }

  /** A request whose dials fail does not wait for streams that do not end. */
  private checkHope(key: ConnectionKey, isFree: boolean, slack: number): void {
    const { network, now, trace, watch } = this.stack
    const name = String(key)
    const open = network.open.filter((socket) => Equal.equals(network.keyOf(socket), key))
    const since = open.map((socket) => this.troubles.streams.get(1 + network.sockets.indexOf(socket)) ?? Infinity)
    const asked = [...watch.waiting].filter((one) => Equal.equals(one.key, key)).map((one) => one.since)
    // The moment that a host may be away.
    const isOld = Math.max(...since, Math.min(...asked)) < now - 500
    const isHopeless = isFree && open.length > 0 && isOld && watch.sinceFailure(key) !== undefined
    if (!isHopeless) return void this.hopeless.delete(name)
    const from = this.hopeless.get(name) ?? now
    this.hopeless.set(name, from)
    // The longest time between two dials; the next is told to all of them.
    if (now - from > longestPause + slack)
      trace.broken("no hope, no wait", `${asked.length} wait for ${key}, which has nothing but ${open.length} streams`)
  }

  /** Everything was answered: nothing is on lease or in line, no limit in time is set. */
  allDone(): void {
    const { trace, watch } = this.stack
    const { stats } = this.books
    const left = { onLease: stats.activeConnections, inLine: stats.pendingAcquires, limits: watch.deadlines.size }
    if (left.onLease + left.inLine + left.limits > 0)
      trace.broken("nothing is left", `after every call has ended: ${JSON.stringify(left)}`)
  }

  /** The pool has drained. */
  drained(): void {
    const { network, trace } = this.stack
    const { stats } = this.books
    const left = {
      open: network.open.length,
      dials: this.dials.pending().length,
      hosts: stats.hosts,
      inLine: stats.pendingAcquires,
      onLease: stats.activeConnections
    }
    if (Object.values(left).some((count) => count > 0))
      trace.broken("nothing is left", `after the drain: ${JSON.stringify(left)}`)
  }
}
