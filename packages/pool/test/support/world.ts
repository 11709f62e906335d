/**
 * The decision core alone, without Effect, clock or sockets: what is decided is carried out on paper, and after each
 * decision everything that must always hold is looked at.
 */

import { assert } from "@effect/vitest"
import {
  type Connection,
  ConnectionKey,
  Connection as Connections,
  type Lease,
  type PoolConfig,
  PoolError
} from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Dialling from "../../src/internal/dialling.js"
import { distrust } from "../../src/internal/distrust.js"
import { Health } from "../../src/internal/health.js"
import * as Hope from "../../src/internal/hope.js"
import * as Leasing from "../../src/internal/leasing.js"
import type { LeaseFacts } from "../../src/internal/lessons.js"
import type { Command, Commands, Dial, Entry, Lack } from "../../src/internal/model.js"
import { HostRecord, PoolState, Waiter } from "../../src/internal/model.js"
import * as Offers from "../../src/internal/offers.js"
import { fallsSilent } from "../../src/internal/peers.js"
import { staleness } from "../../src/internal/places.js"
import type { Redial } from "../../src/internal/redial.js"
import * as Redialling from "../../src/internal/redialling.js"
import * as Returning from "../../src/internal/returning.js"
import * as Settings from "../../src/internal/settings.js"
import * as Suspension from "../../src/internal/suspension.js"
import * as Upkeep from "../../src/internal/upkeep.js"
import { waitsInVain } from "../../src/internal/vain.js"

let ids = 0

export const stubConnection = (capacity = 1): Connection.Connection & { isOpen: boolean } => ({
  id: ++ids,
  facts: { capacity },
  isOpen: true,
  bytesRead: 0,
  bytesWritten: 0,
  isFlushed: true,
  receiver: Connections.silentReceiver,
  write: () => true,
  keep: (bytes) => bytes,
  pause: () => {},
  resume: () => {},
  park: () => {},
  unpark: () => {},
  onTurn: () => {},
  turn: Effect.void,
  destroy: () => {}
})

export interface Held {
  readonly waiter: Waiter
  readonly entry: Entry
  readonly grantedAt: number
  readonly reused: boolean
  readonly idledFor: number
  readonly heardBefore: number
  bound: boolean
  streaming: Hope.Streaming | undefined
  offer?: Offers.Offer
}

const nobody: Lease.LeaseRequest = { onLease: () => {}, onRefused: () => {} }

/** One whose lease is bound to end before long. */
const bounded: Lease.LeaseRequest = { ...nobody, bounded: true }

export class World {
  now = 0
  readonly state: PoolState
  readonly hosts = new Map<string, HostRecord>()
  readonly waiters: Array<Waiter> = []
  readonly dials: Array<Dial> = []
  readonly held: Array<Held> = []
  readonly refused: Array<PoolError.AcquireError> = []
  grants = 0
  destroyed = 0
  private readonly ended = new Set<Entry>()
  private readonly answered = new Set<Waiter>()
  private readonly granted = new Set<Waiter>()
  private readonly memory = new Map<string, Health>()
  private readonly settings: Settings.HostSettings

  constructor(readonly config: Partial<PoolConfig.PoolConfig>) {
    const settings = Settings.resolve(Settings.complete({ lifetimeJitter: 0, ...config }))
    this.state = new PoolState(settings)
    this.settings = settings.host(ConnectionKey.make({ host: "any.test", port: 80, useTls: false }))
  }

  host(name: string): HostRecord {
    let host = this.hosts.get(name)
    if (host === undefined) {
      const health = this.memory.get(name) ?? new Health()
      host = new HostRecord(ConnectionKey.make({ host: name, port: 80, useTls: false }), this.settings, health)
      this.hosts.set(name, host)
    }
    return host
  }

  decide<A>(decision: (out: Commands) => A): A {
    const out: Commands = []
    const answer = decision(out)
    for (const command of out) this.execute(command)
    for (const [i, command] of out.entries()) {
      if (command._tag !== "Destroy" || command.reason !== "MadeRoom") continue
      const dials = out.slice(i).some((later) => later._tag === "Dial")
      assert.isTrue(dials, "what is closed to make room is followed by a dial")
    }
    this.check()
    return answer
  }

  request(name: string, fresh = false, replaces?: Waiter, isBounded = false): Waiter {
    const host = this.host(name)
    const ticket = replaces?.ticket ?? this.state.nextTicket++
    const waiter = new Waiter(isBounded ? bounded : nobody, host, ticket, replaces?.since ?? this.now, fresh)
    const foreseen = replaces === undefined && !fresh ? this.glance(host) : undefined
    this.decide((out) => {
      Leasing.request(this.state, waiter, replaces === undefined, this.now, out)
      const what = out.find(
        (command) => (command._tag === "Grant" || command._tag === "Refuse") && command.waiter === waiter
      )
      if (foreseen === "granted") assert.strictEqual(what?._tag, "Grant")
      if (foreseen === "refused") assert.isTrue(what?._tag === "Refuse" && what.error._tag === "PendingLimitReached")
    })
    return waiter
  }

  /** What can be seen without making the request. */
  private glance(host: HostRecord): "granted" | "refused" | undefined {
    if (Leasing.seemsReady(this.state, host) && !this.isStale(host)) return "granted"
    return Leasing.isHopeless(this.state, host) ? "refused" : undefined
  }

  /** Whether any of its connections is past its time. */
  private isStale(host: HostRecord): boolean {
    return [...host.entries].some((entry) => staleness(entry, this.now) !== undefined)
  }

  cancel(waiter: Waiter): void {
    this.waiters.splice(this.waiters.indexOf(waiter), 1)
    assert.isTrue(this.decide((out) => Leasing.cancel(this.state, waiter, this.now, out)))
    assert.isFalse(this.decide((out) => Leasing.cancel(this.state, waiter, this.now, out)))
  }

  expire(waiter: Waiter): void {
    this.decide((out) => Leasing.expire(this.state, waiter, this.now, out))
  }

  open(dial: Dial, options: { readonly capacity?: number; readonly dead?: boolean } = {}): Entry {
    this.endDial(dial)
    const connection = stubConnection(options.capacity)
    connection.isOpen = options.dead !== true
    return this.decide((out) => Dialling.opened(this.state, dial, connection, 0, this.now, out))
  }

  /** `code`: what our own side has run out of, if it is that. */
  fail(dial: Dial, code?: string): void {
    this.endDial(dial)
    const local = code !== undefined
    const error = new PoolError.ConnectError({ key: dial.host.key, phase: "tcp", code, detail: "failed", local })
    this.decide((out) => Dialling.failed(this.state, dial, error, this.now, out))
  }

  /** `answered`: whether a byte of an answer came before. */
  settle(held: Held, settlement: Lease.Settlement, answered = true): void {
    const at = this.held.indexOf(held)
    if (at >= 0) this.held.splice(at, 1)
    const facts: LeaseFacts = { ...held, isRetry: held.waiter.fresh, hasRead: answered, hasWritten: true }
    if (answered) held.entry.peer.heard++
    if (held.offer !== undefined) Offers.end(this.state, held.offer)
    const { host, peer } = held.entry
    Hope.endStream(held)
    const silent = fallsSilent(held.entry, settlement, facts, this.now)
    this.decide((out) => Returning.settle(this.state, held.entry, settlement, facts, this.now, out))
    if (silent) this.decide((out) => distrust(this.state, host, peer, peer.heard, this.now, this.now, out))
  }

  /** Its holder says whether it may last for ever. */
  mayLast(held: Held, mayLast: boolean): void {
    Hope.mayLast(held, mayLast, this.now)
    this.check()
  }

  /** When the next dial is tried again; infinite if none is waited for. */
  get nextWake(): number {
    return Redialling.nextWake(this.state, this.now)
  }

  /** Time passes, and the alarm rings for the dials whose time has come. */
  pass(millis: number): void {
    this.now += millis
    this.decide((out) => Redialling.wake(this.state, this.now, out))
    assert.isAbove(Redialling.nextWake(this.state, this.now), this.now, "what is due is dialled now")
  }

  offer(held: Held): void {
    if (held.offer !== undefined) return
    held.offer = new Offers.Offer(held.entry, this.now, () => {})
    Offers.make(this.state, held.offer)
    this.check()
  }

  takeUp(): void {
    const next = this.decide((out) => Offers.takeUp(this.state, [...this.hosts.values()], this.now, out))
    assert.isAbove(next, this.now, "what is due is taken up now")
  }

  /** A host's connections of now: idle ones end, the others do when they come back, or when the time is over. */
  drainHost(name: string): void {
    const host = this.host(name)
    const before = [...host.entries]
    this.decide((out) => Upkeep.evict(this.state, host, "Drained", this.now, out))
    for (const entry of before) assert.isTrue(entry.state === "Retired" || entry.condemned !== undefined)
    const left = before.filter((entry) => entry.state !== "Retired")
    this.decide((out) => Upkeep.closeThose(this.state, host, left, this.now, this.now, out))
    for (const entry of before) assert.strictEqual(entry.state, "Retired")
  }

  suspend = (): void => {
    this.decide((out) => Suspension.suspend(this.state, [...this.hosts.values()], this.now, out))
  }
  resume = (): void => {
    this.decide((out) => Suspension.resume(this.state, [...this.hosts.values()], this.now, out))
  }
  replenish = (): void => this.decide((out) => Upkeep.replenish(this.state, this.now, out))
  evictOne = (entry: Entry): boolean => this.decide((out) => Upkeep.evictOne(this.state, entry, this.now, out))

  lost(entry: Entry): void {
    Object.assign(entry.connection, { isOpen: false })
    this.decide((out) => Upkeep.lost(this.state, entry, "PeerClosed", this.now, out))
  }

  cleanup = (): number => this.decide((out) => Upkeep.cleanup(this.state, this.now, out))
  clear = (): number => this.decide((out) => Upkeep.clear(this.state, "Cleared", this.now, out))
  evict = (name: string): number =>
    this.decide((out) => Upkeep.evict(this.state, this.host(name), "Evicted", this.now, out))
  warm = (name: string, n: number): number =>
    this.decide((out) => Upkeep.warm(this.state, this.host(name), n, this.now, out))
  drain = (): void => this.decide((out) => Upkeep.startDrain(this.state, [...this.hosts.values()], this.now, out))
  close = (): Upkeep.CutShort => this.decide((out) => Upkeep.close(this.state, [...this.hosts.values()], this.now, out))

  get entries(): Array<Entry> {
    return [...this.hosts.values()].flatMap((host) => [...host.entries])
  }

  get idle(): Array<Entry> {
    return this.entries.filter((entry) => entry.state === "Idle")
  }

  wasGranted = (waiter: Waiter): boolean => this.granted.has(waiter)

  private endDial(dial: Dial): void {
    const at = this.dials.indexOf(dial)
    assert.isAtLeast(at, 0, "a dial ends once, and was begun")
    this.dials.splice(at, 1)
  }

  private answer(waiter: Waiter): void {
    assert.isFalse(this.answered.has(waiter), "a request is answered once")
    this.answered.add(waiter)
    assert.isFalse(waiter.waiting)
  }

  private execute(command: Command): void {
    switch (command._tag) {
      case "Grant": {
        const { entry, waiter } = command
        assert.isTrue(this.state.serves, "a pool that is suspended or closed grants nothing")
        this.answer(waiter)
        this.granted.add(waiter)
        assert.strictEqual(entry.host, waiter.host)
        assert.isFalse(this.ended.has(entry))
        this.grants++
        this.held.push({
          entry,
          waiter,
          grantedAt: this.now,
          reused: command.reused,
          idledFor: command.idle,
          heardBefore: entry.peer.heard,
          bound: waiter.request.bounded === true,
          streaming: undefined
        })
        if (!waiter.fresh) {
          for (let other = waiter.host.waiters.head; other !== undefined; other = other.next) {
            assert.isAbove(other.ticket, waiter.ticket, "grants come in the order of asking")
          }
        }
        return
      }
      case "Refuse":
        this.answer(command.waiter)
        this.refused.push(command.error)
        return
      case "Dial":
        assert.isFalse(this.dials.includes(command.dial))
        this.dials.push(command.dial)
        return
      case "AbortDial":
        return this.endDial(command.dial)
      case "Destroy":
        assert.isFalse(this.ended.has(command.entry), "a connection is retired once")
        assert.isAbove(command.reason.length, 0)
        this.ended.add(command.entry)
        this.destroyed++
        for (let i = this.held.length - 1; i >= 0; i--) {
          const held = this.held[i] as Held
          if (held.entry !== command.entry) continue
          if (held.offer !== undefined) Offers.end(this.state, held.offer)
          Hope.endStream(held)
          this.held.splice(i, 1)
        }
        return
      case "Reclaim":
        assert.isAtMost(command.offer.since + Offers.patience(this.state), this.now, "not before its time")
        assert.isTrue(
          this.held.some((held) => held.offer === command.offer),
          "what is taken back is on lease"
        )
        return
      case "Forget":
        assert.strictEqual(this.hosts.get(command.host.key.host), command.host)
        this.hosts.delete(command.host.key.host)
        if (command.host.health.isNoteworthy(this.settings.retryBudget, this.now))
          this.memory.set(command.host.key.host, command.host.health)
        return
    }
  }

  /** Everything that holds between two decisions. */
  check(): void {
    const { settings, state } = this
    const hosts = [...this.hosts.values()]
    const sum = (of: (host: HostRecord) => number) => hosts.reduce((total, host) => total + of(host), 0)
    const closed = [...state.closed.values()].reduce((total, n) => total + n, 0)
    assert.deepStrictEqual(
      {
        open: state.open,
        opening: state.opening,
        leased: state.leased,
        idle: state.idle.size,
        waiting: state.waiting,
        expiries: state.expiries.size,
        created: state.created,
        leases: state.hits + state.misses,
        hostLeases: this.entries
          .filter((entry) => entry.state === "Leased")
          .reduce((total, entry) => total + entry.leases, 0)
      },
      {
        open: sum((host) => host.entries.size),
        opening: this.dials.length,
        leased: this.entries.filter((entry) => entry.state === "Leased").length,
        idle: this.idle.length,
        waiting: sum((host) => host.waiting),
        expiries: state.open,
        created: closed + state.open,
        leases: this.grants,
        hostLeases: this.held.length
      }
    )
    const offers = this.held.flatMap((held) => (held.offer === undefined ? [] : [held.offer]))
    assert.strictEqual(state.offers.size, offers.filter((offer) => offer.standing).length)
    assert.strictEqual(state.reclaiming, offers.filter((offer) => offer.reclaiming).length)
    assert.strictEqual(
      state.reclaiming,
      sum((host) => host.reclaiming)
    )
    assertHeap(
      state.lacking,
      (left: Lack, right: Lack) => left.host.health.unwaitedDialAt <= right.host.health.unwaitedDialAt
    )
    for (const host of hosts) if (host.lack.heapIndex !== -1) assert.strictEqual(state.phase, "Open")
    assert.strictEqual(hosts.filter((host) => host.lack.heapIndex !== -1).length, state.lacking.size)
    assert.strictEqual(closed, this.destroyed)
    assert.isAtMost(state.open + state.opening, state.settings.maxConnections)
    assert.isAtMost(state.opening, state.settings.maxConnecting)
    for (const dial of this.dials) assert.isTrue(hosts.includes(dial.host) && dial.host.dials.has(dial) && !dial.ended)
    for (const host of hosts) this.checkHost(host)
    assert.isUndefined(waitsInVain(state, hosts, this.now))
    assertHeap(state.redials, (left: Redial, right: Redial) => left.at <= right.at)
    for (const held of this.held) assert.isTrue(held.entry.bound >= (held.bound ? 1 : 0))
    for (const host of hosts) {
      const streams = this.held.filter((held) => held.entry.host === host && held.streaming !== undefined)
      assert.strictEqual(host.streams?.size ?? 0, streams.length)
    }
    assert.strictEqual(
      sum((host) => host.bound),
      this.held.filter((held) => held.bound).length
    )
    for (let link = state.idle.head; link !== undefined; link = link.next) {
      assert.isTrue(
        link.next === undefined || link.entry.lastUsedAt <= link.next.entry.lastUsedAt,
        "the longest idle comes first"
      )
    }
    assertHeap(state.expiries, (left: Entry, right: Entry) => left.checkAt <= right.checkAt)
    assertHeap(
      state.wanting,
      (left: HostRecord, right: HostRecord) =>
        left.places < right.places || (left.places === right.places && left.oldestTicket <= right.oldestTicket)
    )
    for (let i = this.waiters.length - 1; i >= 0; i--) if (this.waiters[i]?.waiting === false) this.waiters.splice(i, 1)
    for (const host of hosts) {
      for (const line of [host.waiters, host.freshWaiters]) {
        for (let waiter = line.head; waiter !== undefined; waiter = waiter.next)
          if (!this.waiters.includes(waiter)) this.waiters.push(waiter)
      }
    }
    assert.strictEqual(this.waiters.length, state.waiting)
    assert.isAtMost(Math.max(...hosts.map((host) => host.idle), 0), settings.maxIdle)
  }

  private checkHost(host: HostRecord): void {
    const { settings, state } = this
    assert.isFalse(host.forgotten, "a host in use is known")
    assert.isTrue(
      host.entries.size + host.dials.size + host.waiting + host.wanted + settings.minIdle > 0,
      "an empty host is forgotten"
    )
    assert.strictEqual(
      [...host.peers.values()].reduce((total, peer) => total + peer.connections, 0),
      host.entries.size
    )
    assert.isAtMost(host.places, settings.maxConnections)
    assert.isAtMost(host.dials.size, settings.maxConnecting)
    const listed = new Set<Entry>()
    for (const list of [host.idleList, host.roomy]) {
      for (let entry = list.head; entry !== undefined; entry = entry.next) {
        assert.isFalse(listed.has(entry), "a connection is in one place")
        listed.add(entry)
      }
    }
    for (const entry of host.entries) {
      assert.isTrue(entry.state === "Idle" || entry.state === "Leased")
      assert.strictEqual(entry.state === "Idle", entry.leases === 0)
      assert.isAtMost(entry.leases, entry.capacity)
      assert.strictEqual(listed.has(entry), entry.state === "Idle" || entry.roomy)
      assert.isAtMost(entry.requestCount, settings.maxRequests)
    }
    let last = -Infinity
    for (let waiter = host.waiters.head; waiter !== undefined; waiter = waiter.next) {
      assert.isTrue(waiter.waiting && waiter.ticket > last)
      last = waiter.ticket
    }
    if (!state.takesRequests) assert.strictEqual(host.idleList.size, 0, "a pool that drains keeps nothing idle")
    if (!state.serves) return
    if (host.waiters.size > 0) {
      assert.strictEqual(host.idleList.size, 0, "nobody waits beside an idle connection")
      assert.strictEqual(host.roomy.size, 0, "nobody waits beside a connection with room")
    }
    const mostDials = host.health.failing || host.redial !== undefined ? 1 : settings.maxConnecting
    const ownRoom = host.places < settings.maxConnections && host.dials.size < mostDials
    const totalRoom =
      state.opening < state.settings.maxConnecting &&
      (state.open + state.opening < state.settings.maxConnections || state.idle.size > 0)
    if (host.waiting > host.dials.size && ownRoom && totalRoom) {
      // Those whose dial has failed wait for the time of the next one: dialling on would be a storm.
      assert.isTrue(
        host.redial?.state === "Waiting" || state.strain.dialAt(state.open + state.opening) > this.now,
        "nobody waits while there is room to dial"
      )
    }
  }
}

const assertHeap = <A extends { heapIndex: number }>(
  heap: { readonly size: number },
  inOrder: (left: A, right: A) => boolean
): void => {
  const elements = (heap as unknown as { readonly elements: ReadonlyArray<A> }).elements
  for (const [i, element] of elements.entries()) {
    assert.strictEqual(element.heapIndex, i)
    if (i > 0)
      assert.isTrue(inOrder(elements[(i - 1) >> 1] as A, element), "a key of a heap has changed behind its back")
  }
}
