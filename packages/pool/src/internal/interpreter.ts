/**
 * The thin side of the pool that does what the core decided. Decisions are made in one synchronous step; the commands
 * they answer with are carried out after it, in order, and whatever those cause (a callback that settles a lease, a
 * write that finds a dead socket) is decided and queued behind them.
 */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { type AsyncContextsShape, none } from "../AsyncContexts.js"
import type { Connection } from "../Connection.js"
import type { ConnectionKey } from "../ConnectionKey.js"
import type { ConnectorShape } from "../Connector.js"
import type { LeaseRequest, LeaseRequestOptions, PendingLease, Reclaim, Settlement } from "../Lease.js"
import { Broken } from "../Lease.js"
import type { DialError } from "../PoolError.js"
import { type Attachment, attach, attachmentOf, carried, carry, drop } from "./attachment.js"
import { DeadlineLists } from "./deadlines.js"
import { Dialler, type DialOwner, openedTwice } from "./dialler.js"
import * as Dialling from "./dialling.js"
import { distrust } from "./distrust.js"
import { EventHub } from "./eventHub.js"
import * as Hope from "./hope.js"
import { HostMap } from "./hostMap.js"
import { LeakWatch } from "./leakWatch.js"
import { LeaseImpl, type LeaseOwner, PendingRequest, revocation } from "./lease.js"
import * as Origins from "./leaseOrigins.js"
import * as Leasing from "./leasing.js"
import type { Command, Commands, Dial, Entry, PoolReason } from "./model.js"
import { type HostRecord, PoolState } from "./model.js"
import * as Offers from "./offers.js"
import { fallsSilent } from "./peers.js"
import { Reclaimer } from "./reclaimer.js"
import { Redialler } from "./redialler.js"
import * as Retrying from "./retrying.js"
import * as Returning from "./returning.js"
import type { PoolSettings } from "./settings.js"
import * as Suspension from "./suspension.js"
import { orElse } from "./theirs.js"
import type { TimeKeeper } from "./timeKeeper.js"
import * as Upkeep from "./upkeep.js"
import { waitsInVain } from "./vain.js"
import { Watchers } from "./watchers.js"

/** By how much the wall clock must be ahead for connections to age by it: clocks differ by a little all the time. */
const noticed = 1000

export class Interpreter implements LeaseOwner, DialOwner {
  readonly state: PoolState
  readonly deadlines: DeadlineLists
  readonly events: EventHub
  readonly hosts: HostMap
  private readonly entries = new WeakMap<Connection, Entry>()
  private readonly dialler: Dialler
  private readonly leaks: LeakWatch
  private readonly reclaimer: Reclaimer
  private readonly redialler: Redialler
  private readonly commands: Commands = []
  /** By how much connections have aged beyond the time that has passed. */
  private aged = 0
  /** Whether commands are being carried out: within a callback of the pool nothing is granted before it has returned. */
  executing = false
  readonly watchers = new Watchers()

  constructor(
    readonly settings: PoolSettings,
    readonly time: TimeKeeper,
    private readonly runtime: Runtime.Runtime<never>,
    private readonly random: () => number,
    connector: ConnectorShape,
    connections: Scope.Scope,
    readonly contexts: AsyncContextsShape = none
  ) {
    this.state = new PoolState(settings)
    this.events = new EventHub(contexts, (some) => (this.state.observed = some))
    this.hosts = new HostMap(settings, time.now, contexts.root)
    this.deadlines = new DeadlineLists(time, contexts.root)
    this.reclaimer = new Reclaimer(this.state, this.hosts, this.deadlines, (decision) => this.decide(decision))
    this.redialler = new Redialler(this.state, this.deadlines, (decision) => this.decide(decision))
    this.leaks = new LeakWatch(this.deadlines, this.events, (effect) => this.report(effect))
    this.dialler = new Dialler(connector, runtime, connections, this.deadlines, this, contexts.root)
  }

  /** The time of a decision. Limits go by it; connections age by the wall clock. */
  now(): number {
    const now = this.time.now()
    const slept = (this.time.ahead ?? 0) - this.aged
    if (slept >= noticed) {
      this.aged += slept
      Upkeep.age(this.hosts.all(), slept)
    }
    return now
  }

  /** Makes a decision, then carries out what it asks for. */
  decide<A>(decision: (now: number, out: Commands) => A): A {
    const answer = decision(this.now(), this.commands)
    this.flush()
    return answer
  }

  request(key: ConnectionKey, request: LeaseRequest, options?: LeaseRequestOptions): PendingLease {
    const now = this.now()
    const before = (options?.replaces as LeaseImpl | undefined)?.request
    const host = this.hosts.get(key, before?.host.settings)
    const since = before?.since ?? now
    const timeout = options?.timeout ?? host.settings.acquireTimeout
    const dueAt = before?.dueAt ?? now + timeout
    const ticket = before?.ticket ?? this.state.nextTicket++
    const stack = host.settings.leakThreshold === Infinity ? undefined : Origins.capture()
    const fresh = options?.fresh === true
    const pending = new PendingRequest(this, request, host, ticket, since, fresh, dueAt, stack, options?.span)
    if (fresh && this.state.phase !== "Closed")
      Retrying.retried(this.state, host, options.replaces?.connection.id ?? 0, now, this.commands)
    Leasing.request(this.state, pending, before === undefined, now, this.commands)
    this.flush()
    if (pending.waiting) {
      const left = before === undefined ? timeout : Math.ceil(Math.max(dueAt - now, 0))
      pending.deadline = this.deadlines.set(left, () => {
        this.decide((now, out) => Leasing.expire(this.state, pending, now, out))
        this.giveUpUnresolved(host)
      })
      this.reclaimer.press(host)
    }
    return pending
  }

  cancel(pending: PendingRequest): boolean {
    pending.deadline?.clear()
    const left = this.decide((now, out) => Leasing.cancel(this.state, pending, now, out))
    if (left) this.giveUpUnresolved(pending.host)
    return left
  }

  private giveUpUnresolved(host: HostRecord): void {
    if (host.dials.size <= host.waiting) return
    const unresolved = this.dialler.unresolved(host.dials)
    if (unresolved.length === 0) return
    this.decide((now, out) => Leasing.giveUpUnresolved(this.state, host, unresolved, now, out))
  }

  settle(lease: LeaseImpl, settlement: Settlement): void {
    if (lease.settled) return
    lease.settled = true
    const wasReclaimed = this.end(lease, true)
    const { connection, entry } = lease
    if (entry.state === "Retired") return
    const attachment = attachmentOf(entry)
    drop(attachment, lease)
    // While others are on the connection it is still theirs to listen to.
    if (settlement._tag === "Reusable" && entry.leases === 1) {
      connection.receiver = attachment.receiver
      // A paused connection sees neither an end nor a reset.
      connection.resume()
      if (lease.hasRead) this.rest(entry, attachment)
    }
    const now = this.now()
    if (fallsSilent(entry, settlement, lease, now)) this.distrust(entry, now)
    Returning.settle(this.state, entry, settlement, lease, now, this.commands)
    this.flush()
    if (wasReclaimed) this.reclaimer.look()
  }

  offer(lease: LeaseImpl, reclaim: Reclaim | undefined): void {
    // One that was taken up stays so until the lease ends.
    if (lease.offered?.reclaiming === true) return
    if (lease.offered !== undefined) {
      Offers.withdraw(this.state, lease.offered)
      this.reclaimer.rest()
    }
    if (reclaim === undefined || lease.settled || lease.entry.state === "Retired") return
    lease.offered = this.reclaimer.offer(lease, reclaim)
  }

  mayLast(lease: LeaseImpl, mayLast: boolean): void {
    if (!lease.settled && lease.entry.state !== "Retired") Hope.mayLast(lease, mayLast, this.time.latest)
  }

  /** What breaks the rule that no request waits for something that need not come. */
  get waitsInVain(): string | undefined {
    if (!this.redialler.isSet) return "the next dial has no time set"
    return waitsInVain(this.state, this.hosts.all(), this.time.now())
  }

  allowRetry(lease: LeaseImpl): boolean {
    return this.decide((now, out) => Retrying.allow(this.state, lease.entry, now, out))
  }

  leaseOf(connection: Connection): LeaseImpl | undefined {
    const entry = this.entries.get(connection)
    return entry === undefined ? undefined : attachmentOf(entry).lease
  }

  lost(entry: Entry, reason: PoolReason): void {
    if (entry.state === "Idle") this.decide((now, out) => Upkeep.lost(this.state, entry, reason, now, out))
    // Bytes for which its holder has set no receiver: nobody can say what they were.
    else if (reason === "UnexpectedBytes") Upkeep.condemn(entry, reason)
  }

  opened(dial: Dial, connection: Connection, scope: Scope.CloseableScope): void {
    // Twice the same one: two leases would speak on it at once.
    if ((this.entries.get(connection)?.state ?? "Retired") !== "Retired") {
      this.dialler.close(scope)
      return this.failed(dial, openedTwice(dial.host.key, connection.id))
    }
    const jitter = this.random()
    this.decide((now, out) => {
      // The record must be attached before the commands that speak of it are carried out.
      const entry = Dialling.opened(this.state, dial, connection, jitter, now, out)
      entry.attachment = attach(this, entry, scope)
      this.entries.set(connection, entry)
    })
    // Requests that had counted on the dial may have none coming now.
    this.reclaimer.look()
  }

  failed(dial: Dial, error: DialError): void {
    this.decide((now, out) => Dialling.failed(this.state, dial, error, now, out))
    this.reclaimer.look()
  }

  resume(): void {
    this.decide((now, out) => Suspension.resume(this.state, this.hosts.all(), now, out))
    this.reclaimer.look()
  }

  /** No newcomers from here on. */
  startDrain(): void {
    this.decide((now, out) => Upkeep.startDrain(this.state, this.hosts.all(), now, out))
    this.reclaimer.drain(this.hosts.all())
  }

  /** The host's connections of now take no more requests. */
  startHostDrain(host: HostRecord): void {
    this.decide((now, out) => Upkeep.evict(this.state, host, "Drained", now, out))
    this.reclaimer.drain([host])
  }

  /** The lease is over, in whatever way; answers whether it was being taken back. */
  private end(lease: LeaseImpl, cameBack: boolean): boolean {
    this.leaks.end(lease, cameBack)
    Hope.endStream(lease)
    return lease.offered !== undefined && this.reclaimer.end(lease.offered)
  }

  /** What the operating system holds for the peer's connections already is seen first. */
  private distrust(entry: Entry, since: number): void {
    const { connection, host, peer } = entry
    const { heard } = peer
    connection.onTurn(() => this.decide((now, out) => distrust(this.state, host, peer, heard, since, now, out)))
  }

  private flush(): void {
    if (this.executing) return
    this.executing = true
    try {
      for (let i = 0; i < this.commands.length; i++) {
        try {
          this.execute(this.commands[i] as Command)
        } catch (defect) {
          // A callback broke its promise not to throw. The others must still hear of what was decided for them.
          this.report(Effect.logError("A callback of a connection pool threw", defect))
        }
      }
    } finally {
      // Not by its length: that would let go of the array's memory, which the next round would allocate again.
      while (this.commands.length > 0) this.commands.pop()
      this.executing = false
    }
    this.watchers.wake()
    this.reclaimer.rest()
    this.redialler.look()
  }

  /** Says something on the pool's own behalf. */
  private report(effect: Effect.Effect<void>): void {
    this.contexts.root.run(Runtime.runFork(this.runtime), effect)
  }

  private execute(command: Command): void {
    switch (command._tag) {
      case "Grant":
        return this.granted(command)
      case "Refuse": {
        const pending = command.waiter as PendingRequest
        pending.deadline?.clear()
        return pending.request.onRefused(command.error)
      }
      case "Park":
        return this.park(command.entry)
      case "Destroy":
        return this.destroy(command.entry, command.reason)
      case "Dial":
        return this.dialler.start(command.dial)
      case "AbortDial":
        return this.dialler.stop(command.dial)
      case "Reclaim":
        return command.offer.reclaim(command.reason)
      case "Forget":
        return this.hosts.forget(command.host)
      case "Emit":
        return this.events.publish(command.event)
    }
  }

  private granted(command: Extract<Command, { readonly _tag: "Grant" }>): void {
    const pending = command.waiter as PendingRequest
    const { entry } = command
    pending.deadline?.clear()
    const attachment = attachmentOf(entry)
    if (attachment.parked) {
      attachment.parked = false
      entry.connection.unpark()
    }
    // The clock has leapt while it was idle (a laptop slept): what came of it meanwhile is seen a turn from now.
    if (command.idle > 0 && entry.lastUsedAt < this.time.leaptAt) this.rest(entry, attachment)
    const lease = new LeaseImpl(this, command)
    carry(attachment, lease)
    this.leaks.begin(lease, entry.host.settings.leakThreshold)
    orElse(
      () => pending.request.onLease(lease),
      () => lease.settle(Broken("UseFailed"))
    )
  }

  private destroy(entry: Entry, reason: string): void {
    const attachment = attachmentOf(entry)
    const { connection, host } = entry
    const { isOpen: wasOpen, receiver } = connection
    const leases = carried(attachment)
    connection.destroy(reason)
    this.dialler.close(attachment.scope)
    for (const lease of leases) if (this.end(lease, false)) this.reclaimer.look()
    // Destroying tells nobody, and whoever holds it may be waiting for bytes that will never come.
    if (wasOpen && leases.some((lease) => !lease.settled)) receiver.onError(revocation(this.state, host.key, reason))
  }

  private rest(entry: Entry, attachment: Attachment): void {
    entry.resting = true
    entry.connection.onTurn(attachment.rested)
  }

  private park(entry: Entry): void {
    // It may have been taken again by a decision made meanwhile, or have ended while nobody was told.
    if (entry.state !== "Idle") return
    const attachment = attachmentOf(entry)
    attachment.parked = true
    entry.connection.park()
    if (!entry.connection.isOpen) this.lost(entry, "PeerClosed")
  }
}
