/**
 * Stands between the client and the pool and keeps books of its own: who asked, who was granted what, in which order,
 * and which limits in time are set.
 */
import type { Connection } from "@hotaru/pool/Connection"
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { ConnectionPoolShape } from "@hotaru/pool/ConnectionPool"
import type { ConnectorShape } from "@hotaru/pool/Connector"
import type { Deadline, Deadlines } from "@hotaru/pool/Deadlines"
import type { Lease, LeaseRequest, LeaseRequestOptions, PendingLease } from "@hotaru/pool/Lease"
import type { AcquireError, PendingLimitReached } from "@hotaru/pool/PoolError"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import { Offers } from "./Offers.js"
import type { Plan } from "./Plan.js"
import type { Trace } from "./Trace.js"
import { WatchedConnection } from "./WatchedConnection.js"

/** A request of the client in the pool's line. */
class Asked implements LeaseRequest {
  state: "waiting" | "granted" | "refused" | "cancelled" = "waiting"

  constructor(
    private readonly watch: Watch,
    private readonly inner: LeaseRequest,
    readonly number: number,
    readonly key: ConnectionKey,
    readonly ticket: number,
    readonly fresh: boolean,
    readonly since: number
  ) {}

  get bounded(): boolean | undefined {
    return this.inner.bounded
  }

  onLease(lease: Lease): void {
    this.watch.granted(this, lease)
    this.inner.onLease(lease)
  }

  onRefused(error: AcquireError): void {
    this.watch.refused(this, error)
    if (error._tag === "PendingLimitReached") this.watch.checkLine(error)
    this.inner.onRefused(error)
  }
}

export class Watch {
  readonly waiting = new Set<Asked>()
  /** Limits in time that the client has set and that have neither been cleared nor fired. */
  readonly deadlines = new Set<object>()
  readonly offers: Offers
  grants = 0
  /** Connections that were also used without the client, by number. */
  readonly direct = new Set<number>()
  /** Requests of the client before the last dial ended. */
  askedBeforeDial = 0
  private readonly connections = new Map<WatchedConnection, ConnectionKey>()
  private readonly failed = MutableHashMap.empty<ConnectionKey, number | undefined>()
  /** When a dial last failed for want of something of our own. */
  private scarceAt = -Infinity
  private readonly doomed = new WeakSet<Connection>()
  private asked = 0
  /** When the first drain of the pool began, and how many requests there had been. */
  private drained: { readonly at: number; readonly asked: number } | undefined = undefined
  private readonly tickets = new WeakMap<Lease, Asked>()

  constructor(
    private readonly plan: Plan,
    private readonly trace: Trace,
    private readonly now: () => number,
    private readonly polls: () => number
  ) {
    this.offers = new Offers(now)
  }

  connector(inner: ConnectorShape, numberOf: (connection: Connection) => number): ConnectorShape {
    return {
      connect: (key) =>
        Effect.onExit(
          Effect.map(inner.connect(key), (connection) => {
            const watched = new WatchedConnection(connection, numberOf(connection), this.polls, this.trace)
            this.connections.set(watched, key)
            return watched
          }),
          (exit) =>
            Effect.sync(() => {
              this.askedBeforeDial = this.asked
              const opened = exit._tag === "Success" && exit.value.isOpen
              MutableHashMap.set(this.failed, key, opened ? undefined : this.now())
              const error = exit._tag === "Failure" ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
              if (error?._tag === "ConnectError" && error.local) this.scarceAt = this.now()
            })
        )
    }
  }

  /** A lease that was taken without the client. */
  readonly taken = (connection: Connection, lease: Lease | undefined): void => {
    const watched = connection as WatchedConnection
    watched.begin(lease)
    this.direct.add(watched.number)
    if (lease !== undefined) this.offers.follow(lease)
  }

  /**
   * Milliseconds since the last dial that the pool heard of, if it did not give it a connection that could be used;
   * undefined if it did.
   */
  sinceFailure(key: ConnectionKey): number | undefined {
    const at = Option.getOrUndefined(MutableHashMap.get(this.failed, key))
    return at === undefined ? undefined : this.now() - at
  }

  /** Milliseconds since a dial failed for want of something of our own; infinite if none did. */
  get sinceScarcity(): number {
    return this.now() - this.scarceAt
  }

  pool(inner: ConnectionPoolShape): ConnectionPoolShape {
    const { contexts, deadlines, isClosed, refusal, request, takesRequests, waitsInVain } = inner.unsafe
    return {
      ...inner,
      drain: Effect.suspend(() => {
        this.drained ??= { at: this.now(), asked: this.asked }
        return inner.drain
      }),
      unsafe: {
        contexts,
        deadlines: this.watchDeadlines(deadlines),
        request: (...args) => this.request(request, ...args),
        refusal: (key) => {
          const refused = refusal(key)
          if (refused === undefined) return undefined
          this.trace.note(`request #${++this.asked} to ${key} refused before it was made`)
          this.checkLine(refused)
          return refused
        },
        takesRequests,
        isClosed,
        waitsInVain
      }
    }
  }

  granted(asked: Asked, lease: Lease): void {
    const who = `request #${asked.number} to ${asked.key}`
    const connection = lease.connection as WatchedConnection
    this.ended(asked, "granted", `connection ${connection.number}${lease.reused ? ", reused" : ""}`)
    this.grants++
    this.tickets.set(lease, asked)
    if (!Equal.equals(lease.key, asked.key))
      this.trace.broken("right host", `${who} was granted a connection to ${lease.key}`)
    if (!connection.isOpen)
      this.trace.broken("open connection", `${who} was granted connection ${connection.number}: closed`)
    this.checkAge(who, lease)
    if (this.doomed.has(connection))
      this.trace.broken("evicted is gone", `${who} was granted connection ${connection.number}, which was evicted`)
    if (asked.fresh && lease.reused)
      this.trace.broken("fresh connection", `${who} is a retry and got a used connection`)
    connection.begin(lease)
    this.offers.follow(lease)
    for (const other of this.waiting) {
      const passed = other.ticket < asked.ticket && Equal.equals(other.key, asked.key)
      // Those that take only a new connection let others pass who take a used one.
      if (passed && !(other.fresh && lease.reused))
        this.trace.broken("order of asking", `${who} was served before request #${other.number}, which came earlier`)
    }
  }

  refused(asked: Asked, error: AcquireError): void {
    this.ended(asked, "refused", error._tag)
    if (error._tag !== "PoolClosed" || this.drained === undefined) return
    const { asked: before, at } = this.drained
    const left = at + this.plan.pool.drainTimeout - this.now()
    if (asked.ticket <= before && left > 0)
      this.trace.broken(
        "a drain serves its line",
        `request #${asked.number} was there when the drain began, and was refused ${left} ms before its time was over`
      )
  }

  /** The host's connections of now were evicted: none of them carries another request. */
  evicted(key: ConnectionKey): void {
    for (const [connection, to] of this.connections) {
      if (!connection.isOpen) this.connections.delete(connection)
      else if (Equal.equals(to, key)) this.doomed.add(connection)
    }
  }

  /** A request is refused for the length of the line alone, and those for which there is a place are not in line. */
  checkLine({ key, maxPending, numbers }: PendingLimitReached): void {
    const { firstHost, hosts, pool } = this.plan
    const most = Math.max(pool.maxConnectionsPerHost, firstHost?.maxConnectionsPerHost ?? 0)
    const isBoundByAll = pool.maxConnections < hosts * most
    if (numbers.suspended || isBoundByAll) return
    const placed = numbers.limit - numbers.active - numbers.idle
    if (numbers.waiting - placed < maxPending)
      this.trace.broken(
        "no needless refusal",
        `${numbers.waiting} wait for ${key}, ${placed} places are free or being opened, ${maxPending} may be in line`
      )
  }

  private checkAge(who: string, lease: Lease): void {
    const { enablePooling, idleTimeout, maxLifetime, maxRequestsPerConnection } = this.plan.pool
    const limits = [
      ["maxLifetime", maxLifetime - 1, Duration.toMillis(lease.age)],
      ["idleTimeout", idleTimeout - 1, Duration.toMillis(lease.idle)],
      ["maxRequestsPerConnection", (enablePooling ? maxRequestsPerConnection : 1) - 1, lease.requestCount]
    ] as const
    for (const [name, most, is] of limits) {
      if (is > most && lease.reused) this.trace.broken("stale is gone", `${who} got a connection over ${name}: ${is}`)
    }
  }

  ended(asked: Asked, how: Asked["state"], detail: string): void {
    if (asked.state !== "waiting")
      this.trace.broken("answered once", `request #${asked.number} was ${how} (${detail}) when it was ${asked.state}`)
    asked.state = how
    this.waiting.delete(asked)
    this.trace.note(`request #${asked.number} ${how}: ${detail}`)
  }

  private request(
    inner: ConnectionPoolShape["unsafe"]["request"],
    key: ConnectionKey,
    request: LeaseRequest,
    options?: LeaseRequestOptions
  ): PendingLease {
    const number = ++this.asked
    const before = options?.replaces === undefined ? undefined : this.tickets.get(options.replaces)
    const since = before?.since ?? this.now()
    const asked = new Asked(this, request, number, key, before?.ticket ?? number, options?.fresh === true, since)
    this.waiting.add(asked)
    const replaces = before === undefined ? "" : ` in place of #${before.number}${asked.fresh ? ", fresh" : ""}`
    this.trace.note(`request #${number} to ${key}${replaces}`)
    const pending = inner(key, asked, options)
    return {
      cancel: () => {
        const cancelled = pending.cancel()
        if (cancelled) this.ended(asked, "cancelled", "by its caller")
        return cancelled
      }
    }
  }

  private watchDeadlines(inner: Deadlines): Deadlines {
    return {
      now: inner.now,
      set: (millis, onExpired): Deadline => {
        const token = {}
        if (millis !== Infinity) this.deadlines.add(token)
        const deadline = inner.set(millis, () => {
          this.deadlines.delete(token)
          onExpired()
        })
        return {
          clear: () => {
            this.deadlines.delete(token)
            deadline.clear()
          }
        }
      }
    }
  }
}
