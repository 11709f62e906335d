/**
 * The records the decision core works on, and the commands it answers with. Plain data: nothing here does anything.
 */
import type { Connection } from "../Connection.js"
import type { ConnectionKey } from "../ConnectionKey.js"
import type { LeaseRequest, ReclaimReason } from "../Lease.js"
import type { PerHostPool } from "../PerHostPool.js"
import type { AcquireError } from "../PoolError.js"
import type { PoolEvent } from "../PoolEvent.js"
import type { PooledConnection } from "../PooledConnection.js"
import type { Health } from "./health.js"
import { type HeapElement, IndexedHeap, notInHeap } from "./heap.js"
import type { Streaming } from "./hope.js"
import { type Linked, LinkedList } from "./list.js"
import type { Offer, OfferLink } from "./offers.js"
import type { Peer } from "./peers.js"
import type { Redial } from "./redial.js"
import type { HostSettings, PoolSettings } from "./settings.js"
import { Strain } from "./strain.js"

/** Why the pool itself retires a connection; whoever settles a lease brings reasons of its own. */
export type PoolReason =
  | "IdleTimeout"
  | "MaxLifetime"
  | "MaxRequests"
  | "MaxIdle"
  | "MadeRoom"
  | "PeerClosed"
  | "PeerReset"
  | "SocketError"
  | "UnexpectedBytes"
  | "PoolingDisabled"
  | "Cleared"
  | "Evicted"
  | "Unwanted"
  | "Distrusted"
  | "Drained"
  | "DrainTimeout"
  | "PoolClosed"

/**
 * A connection's states: `Idle` and `Leased` alternate, `Retired` is final. (Before them it is a `Dial`.) A connection
 * that can carry more leases is `Leased` while it carries at least one. `Unplaced` lasts no longer than one decision.
 */
export type ConnectionState = "Unplaced" | "Idle" | "Leased" | "Retired"

/** A link in two lists needs two pairs of links; the second pair is this one. */
export class IdleLink implements Linked<IdleLink> {
  previous: IdleLink | undefined = undefined
  next: IdleLink | undefined = undefined
  constructor(readonly entry: Entry) {}
}

/** The record behind a `PooledConnection`. */
export class Entry implements PooledConnection, Linked<Entry> {
  /** Links of the host's list of idle connections, or of those with room for another lease. */
  previous: Entry | undefined = undefined
  next: Entry | undefined = undefined
  /** Link of the list of all idle connections. */
  readonly idleLink: IdleLink = new IdleLink(this)
  /** Place in the heap of expiries. */
  heapIndex = notInHeap
  /** A time before which the connection cannot have expired; the heap's key, brought up to date when it comes due. */
  checkAt: number
  state: ConnectionState = "Unplaced"
  /** Leases it carries now. */
  leases = 0
  /** Those of them that are bound to end before long. */
  bound = 0
  requestCount = 0
  lastUsedAt: number
  /** How long it may be idle: the pool's limit or the peer's hint, whichever is less. */
  idleFor: number
  /** How many more leases the peer lets it carry. */
  remaining = Infinity
  /** Whether it stands in the host's list of leased connections with room for another lease. */
  roomy = false
  /** Set when it is to be retired as soon as it is returned. */
  condemned: string | undefined = undefined
  /** Whether it died before it had carried an answer. */
  diedUnused = false
  /** Whether it still waits for the event loop to poll after its last byte (network rest). Set by the interpreter. */
  resting = false
  /** The interpreter's own; the core never looks at it. */
  attachment: unknown = undefined

  constructor(
    readonly connection: Connection,
    readonly host: HostRecord,
    readonly peer: Peer,
    public createdAt: number,
    /** When its life is over. */
    public expiresAt: number
  ) {
    this.lastUsedAt = createdAt
    this.idleFor = host.settings.idleTimeout
    this.checkAt = Math.min(expiresAt, createdAt + this.idleFor)
  }

  /** Without pooling a connection carries one lease, whatever it could. */
  get capacity(): number {
    return this.host.settings.pooling ? (this.connection.facts.capacity ?? 1) : 1
  }
}

/** A request in line. Granted, refused or cancelled exactly once. */
export class Waiter implements Linked<Waiter> {
  previous: Waiter | undefined = undefined
  next: Waiter | undefined = undefined
  waiting = false
  /** When it came into line, in the order of all arrivals; its ticket may be older. */
  arrival = 0

  constructor(
    readonly request: LeaseRequest,
    readonly host: HostRecord,
    /** Its place in the line of all hosts. */
    readonly ticket: number,
    readonly since: number,
    /** Whether only a connection opened from now on will do. */
    readonly fresh: boolean
  ) {}
}

/** A dial under way. It serves whoever is first in line when it ends. */
export class Dial {
  ended = false
  constructor(
    readonly host: HostRecord,
    /** 1 for the pool's first. */
    readonly number: number,
    readonly startedAt: number,
    /** Requests that arrived before this one were in line when the dial began. */
    readonly nextArrival: number
  ) {}
}

/** A place in two heaps needs two indices; the second is this one. */
export class Lack implements HeapElement {
  heapIndex = notInHeap
  constructor(readonly host: HostRecord) {}
}

/** The record behind a `PerHostPool`. */
export class HostRecord implements PerHostPool {
  /** Idle connections, longest idle first. */
  readonly idleList = new LinkedList<Entry>()
  /** Leased connections with room for another lease; empty for HTTP/1.1. */
  readonly roomy = new LinkedList<Entry>()
  readonly waiters = new LinkedList<Waiter>()
  /** Waiters that take only a new connection. */
  readonly freshWaiters = new LinkedList<Waiter>()
  readonly dials = new Set<Dial>()
  /** When the next dial may begin; set while the last one has failed. */
  redial: Redial | undefined = undefined
  /** What is known of the local ports left for it; made when they have run out. */
  strain: Strain | undefined = undefined
  /** Its leases that are bound to end before long. */
  bound = 0
  /** Its leases that may last for ever, by their holders' word, the longest first; made with the first. */
  streams: LinkedList<Streaming> | undefined = undefined
  /** The number of its latest arrival in line. */
  latestArrival = 0
  /** Everything open, by connection. */
  readonly entries = new Set<Entry>()
  /** Its addresses to which connections are open. */
  readonly peers = new Map<string | undefined, Peer>()
  /** Leases whose answer nobody has begun to read, longest unread first. */
  readonly offers = new LinkedList<Offer>()
  /** Drains of this host that are under way. */
  draining = 0
  /** Leases being taken back from such answers. */
  reclaiming = 0
  /** Connections it should come to have, whoever waits (warm-up); zero once it has them or cannot get them. */
  wanted = 0
  /** Warm-ups that wait for them. */
  warmUps = 0
  /** When it was last asked for. */
  askedAt = 0
  /** Set when nobody has asked for it for so long that it need not have idle connections any more. */
  neglected = false
  /** Its place among the hosts that lack idle connections. */
  readonly lack: Lack = new Lack(this)
  hits = 0
  misses = 0
  /** Place in the heap of hosts that want a connection. */
  heapIndex = notInHeap
  /** Set when the host is no longer in the pool's map. */
  forgotten = false

  constructor(
    readonly key: ConnectionKey,
    readonly settings: HostSettings,
    readonly health: Health
  ) {}

  get idle(): number {
    return this.idleList.size
  }

  get active(): number {
    return this.entries.size - this.idleList.size
  }

  get opening(): number {
    return this.dials.size
  }

  get waiting(): number {
    return this.waiters.size + this.freshWaiters.size
  }

  /** Connections it has or is about to have. */
  get places(): number {
    return this.entries.size + this.dials.size
  }

  get oldestTicket(): number {
    return Math.min(this.waiters.head?.ticket ?? Infinity, this.freshWaiters.head?.ticket ?? Infinity)
  }
}

/**
 * `Suspended`: requests stay in line; what is out goes on. `Draining`: newcomers are refused, requests in line are
 * served. `Closed`: nothing is served any more.
 */
export type Phase = "Open" | "Suspended" | "Draining" | "Closed"

/** Everything the pool knows, apart from the map of hosts. */
export class PoolState {
  phase: Phase = "Open"
  nextTicket = 1
  nextArrival = 1
  /** Dials begun. */
  dialled = 0
  /** Connections open, idle or leased. */
  open = 0
  /** Dials under way. */
  opening = 0
  /** Connections on lease. */
  leased = 0
  waiting = 0
  hits = 0
  misses = 0
  evictions = 0
  created = 0
  connectFailures = 0
  egressDenied = 0
  readonly closed = new Map<string, number>()
  acquireTimeouts = 0
  pendingLimitReached = 0
  staleRetries = 0
  failedRetries = 0
  retriesRefused = 0
  distrusted = 0
  reclaimed = 0
  /** Whether anybody listens to events; if not, none are made. */
  observed = false
  /** All idle connections, longest idle first. */
  readonly idle = new LinkedList<IdleLink>()
  /** Hosts with requests in line. */
  readonly crowded = new Set<HostRecord>()
  /** Drains of single hosts that are under way. */
  hostDrains = 0
  /** Leases being taken back from answers that nobody has begun to read. */
  reclaiming = 0
  /** All answers that nobody has begun to read, longest unread first. */
  readonly offers = new LinkedList<OfferLink>()
  /** Hosts with fewer idle connections than they should always have. */
  readonly lacking = new IndexedHeap<Lack>(
    (left, right) => left.host.health.unwaitedDialAt < right.host.health.unwaitedDialAt
  )
  /** Hosts whose next dial waits for its time, after one that failed. */
  readonly redials = new IndexedHeap<Redial>((left, right) => left.at < right.at)
  /** What is known of the descriptors left. */
  readonly strain = new Strain()
  /** All open connections by the time at which they may have expired. */
  readonly expiries = new IndexedHeap<Entry>((left, right) => left.checkAt < right.checkAt)
  /** Hosts that want another connection: fewest connections first, then the one whose request is oldest. */
  readonly wanting = new IndexedHeap<HostRecord>(
    (left, right) =>
      left.places < right.places || (left.places === right.places && left.oldestTicket < right.oldestTicket)
  )

  constructor(readonly settings: PoolSettings) {}

  /** Whether requests may come into line. */
  get takesRequests(): boolean {
    return this.phase === "Open" || this.phase === "Suspended"
  }

  /** Whether requests in line are granted connections, and dialled for. */
  get serves(): boolean {
    return this.phase === "Open" || this.phase === "Draining"
  }
}

/** What the core decided is to be done, in order. */
export type Command =
  | {
      readonly _tag: "Grant"
      readonly waiter: Waiter
      readonly entry: Entry
      readonly reused: boolean
      readonly idle: number
      readonly waited: number
      readonly age: number
    }
  | { readonly _tag: "Refuse"; readonly waiter: Waiter; readonly error: AcquireError }
  | { readonly _tag: "Dial"; readonly dial: Dial }
  | { readonly _tag: "AbortDial"; readonly dial: Dial }
  | { readonly _tag: "Park"; readonly entry: Entry }
  | { readonly _tag: "Destroy"; readonly entry: Entry; readonly reason: string }
  | { readonly _tag: "Reclaim"; readonly offer: Offer; readonly reason: ReclaimReason }
  | { readonly _tag: "Forget"; readonly host: HostRecord }
  | { readonly _tag: "Emit"; readonly event: PoolEvent }

export type Commands = Array<Command>
