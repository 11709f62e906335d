/**
 * A lease as its holder sees it, and a request in line as the pool sees it.
 */
import * as Duration from "effect/Duration"
import type { AnySpan } from "effect/Tracer"
import type { Connection, EndKind, Receiver } from "../Connection.js"
import type { ConnectionKey } from "../ConnectionKey.js"
import type { Deadline } from "../Deadlines.js"
import type { Lease, LeaseRequest, PendingLease, Reclaim, Settlement } from "../Lease.js"
import { LeaseRevoked, PoolClosed } from "../PoolError.js"
import type { Streaming } from "./hope.js"
import type { LeaseFacts } from "./lessons.js"
import type { Command, Entry, HostRecord, PoolReason, PoolState } from "./model.js"
import { Waiter } from "./model.js"
import type { Offer } from "./offers.js"

/** What a lease and a request need of the pool. */
export interface LeaseOwner {
  settle(lease: LeaseImpl, settlement: Settlement): void
  offer(lease: LeaseImpl, reclaim: Reclaim | undefined): void
  mayLast(lease: LeaseImpl, mayLast: boolean): void
  allowRetry(lease: LeaseImpl): boolean
  cancel(request: PendingRequest): boolean
  lost(entry: Entry, reason: PoolReason): void
}

export class PendingRequest extends Waiter implements PendingLease {
  deadline: Deadline | undefined = undefined

  constructor(
    private readonly owner: LeaseOwner,
    request: LeaseRequest,
    host: HostRecord,
    ticket: number,
    since: number,
    fresh: boolean,
    /** When it is refused, in milliseconds of the pool's clock. */
    readonly dueAt: number,
    /** Where it was asked for, and on whose behalf; only while leases are watched for leaks. */
    readonly stack: string | undefined,
    readonly span: AnySpan | undefined
  ) {
    super(request, host, ticket, since, fresh)
  }

  /** What it is for, in its maker's words. */
  describe(): string | undefined {
    return this.request.describe?.()
  }

  cancel(): boolean {
    return this.owner.cancel(this)
  }
}

type Grant = Extract<Command, { readonly _tag: "Grant" }>

export class LeaseImpl implements Lease, LeaseFacts {
  readonly connection: Connection
  readonly reused: boolean
  readonly requestCount: number
  private readonly bytesReadBefore: number
  private readonly bytesWrittenBefore: number
  private readonly grant: Grant
  settled = false
  leak: Deadline | undefined = undefined
  /** Whether it was reported as held too long and not yet as come back. */
  leakReported = false
  /** What it was last offered with, if it ever was. */
  offered: Offer | undefined = undefined
  readonly heardBefore: number
  /** Whether it is bound to end before long, as far as its holder has said. */
  bound: boolean
  /** Set while its holder says that it may last for ever. */
  streaming: Streaming | undefined = undefined

  constructor(
    private readonly owner: LeaseOwner,
    grant: Grant
  ) {
    const connection = grant.entry.connection
    this.grant = grant
    this.connection = connection
    this.reused = grant.reused
    this.requestCount = grant.entry.requestCount - 1
    this.heardBefore = grant.entry.peer.heard
    this.bound = grant.waiter.request.bounded === true
    this.bytesReadBefore = connection.bytesRead
    this.bytesWrittenBefore = connection.bytesWritten
  }

  /** When it was granted, in milliseconds of the pool's clock. */
  get grantedAt(): number {
    return this.grant.waiter.since + this.grant.waited
  }

  get entry(): Entry {
    return this.grant.entry
  }

  get request(): PendingRequest {
    return this.grant.waiter as PendingRequest
  }

  get key(): ConnectionKey {
    return this.grant.entry.host.key
  }

  get age(): Duration.Duration {
    return Duration.millis(this.grant.age)
  }

  get idle(): Duration.Duration {
    return Duration.millis(this.grant.idle)
  }

  get waited(): Duration.Duration {
    return Duration.millis(this.grant.waited)
  }

  get resting(): boolean {
    return this.grant.entry.resting
  }

  /** Whether anything was read since the grant. */
  get hasRead(): boolean {
    return this.connection.bytesRead !== this.bytesReadBefore
  }

  get hasWritten(): boolean {
    return this.connection.bytesWritten !== this.bytesWrittenBefore
  }

  get idledFor(): number {
    return this.grant.idle
  }

  get isRetry(): boolean {
    return this.grant.waiter.fresh
  }

  /** Whether nothing was read or written since the grant, so that the connection is as it was. */
  get untouched(): boolean {
    return !this.hasRead && !this.hasWritten
  }

  heard(): void {
    this.grant.entry.peer.heard++
  }

  allowRetry(): boolean {
    return this.owner.allowRetry(this)
  }

  offer(reclaim: Reclaim | undefined): void {
    this.owner.offer(this, reclaim)
  }

  mayLast(mayLast: boolean): void {
    this.owner.mayLast(this, mayLast)
  }

  settle(settlement: Settlement): void {
    this.owner.settle(this, settlement)
  }
}

/** The pool's own receiver: whatever happens on an idle connection ends its life. */
export class ParkedReceiver implements Receiver {
  constructor(
    private readonly owner: LeaseOwner,
    private readonly entry: Entry
  ) {}

  onBytes(): void {
    this.owner.lost(this.entry, "UnexpectedBytes")
  }

  onEnd(kind: EndKind): void {
    this.owner.lost(this.entry, kind === "fin" ? "PeerClosed" : "PeerReset")
  }

  onError(): void {
    this.owner.lost(this.entry, "SocketError")
  }

  onDrain(): void {}
}

/** What the holder of a lease is told whose connection the pool has closed. */
export const revocation = (state: PoolState, key: ConnectionKey, reason: string): PoolClosed | LeaseRevoked =>
  state.phase === "Closed"
    ? new PoolClosed({ key, during: "lease", drainTimeout: state.settings.drainTimeout })
    : new LeaseRevoked({
        key,
        reason,
        drainTimeout: reason === "DrainTimeout" ? state.settings.drainTimeout : undefined
      })
