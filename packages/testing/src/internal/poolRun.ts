/**
 * Does operations to a pool on a fake network and holds it to its promises.
 */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { ConnectionPoolShape } from "@hotaru/pool/ConnectionPool"
import * as Lease from "@hotaru/pool/Lease"
import type { AcquireError } from "@hotaru/pool/PoolError"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import type { FakeDial, FakeNetworkShape } from "../FakeNetwork.js"
import type { FakeSocket } from "../FakeSocket.js"
import type { PoolOperation } from "../PoolOperations.js"

type RequestState = "waiting" | "leased" | "settled" | "refused" | "cancelled"

/** A request and its end. It is the pool's `LeaseRequest` itself: what the pool decides, it hears in the same call. */
class Request implements Lease.LeaseRequest {
  state: RequestState = "waiting"
  lease: Lease.Lease | undefined = undefined
  pending: Lease.PendingLease | undefined = undefined

  constructor(
    readonly number: number,
    readonly key: ConnectionKey,
    private readonly run: PoolRun
  ) {}

  onLease(lease: Lease.Lease): void {
    this.run.granted(this, lease)
    this.state = "leased"
    this.lease = lease
  }

  onRefused(error: AcquireError): void {
    if (this.state !== "waiting")
      this.run.wrong(`request ${this.number} was refused (${error._tag}) when it was ${this.state}`)
    this.state = "refused"
  }
}

const pick = <A>(from: ReadonlyArray<A>, which: number): A | undefined => from[which % Math.max(1, from.length)]

export class PoolRun {
  private readonly requests: Array<Request> = []
  private readonly problems: Array<string> = []
  /** Whether the host's last dial to end went well. */
  private readonly lastDial = MutableHashMap.empty<ConnectionKey, boolean>()
  private done = 0

  constructor(
    private readonly pool: ConnectionPoolShape,
    private readonly network: FakeNetworkShape,
    private readonly keys: ReadonlyArray<ConnectionKey>
  ) {}

  run(operations: ReadonlyArray<PoolOperation>): Effect.Effect<ReadonlyArray<string>> {
    return Effect.gen(this, function* () {
      for (const operation of operations) {
        this.done++
        yield* this.perform(operation)
        if (this.problems.length > 0) return this.problems
      }
      yield* this.settled
      return this.problems
    })
  }

  wrong(problem: string): void {
    this.problems.push(`after ${this.done} operations: ${problem}`)
  }

  granted(request: Request, lease: Lease.Lease): void {
    const who = `request ${request.number} to ${request.key}`
    if (request.state !== "waiting") this.wrong(`${who} was granted a lease when it was ${request.state}`)
    if (!lease.connection.isOpen) this.wrong(`${who} was granted connection ${lease.connection.id}, which is closed`)
    if (!Equal.equals(this.keyOf(lease), request.key))
      this.wrong(`${who} was granted a connection to ${this.keyOf(lease)}`)
    const holder = this.in("leased").find((other) => other.lease?.connection === lease.connection)
    if (holder !== undefined)
      this.wrong(`${who} was granted connection ${lease.connection.id}, which request ${holder.number} holds`)
    const passed = this.in("waiting").find(
      (other) => other.number < request.number && Equal.equals(other.key, request.key)
    )
    if (passed !== undefined) this.wrong(`${who} was served before request ${passed.number}, which came earlier`)
  }

  private perform(operation: PoolOperation): Effect.Effect<void> {
    switch (operation._tag) {
      case "Request":
        return Effect.sync(() => this.request(this.keys[operation.host] as ConnectionKey))
      case "Cancel":
        return Effect.sync(() => this.cancel(pick(this.in("waiting"), operation.which)))
      case "Settle":
        return Effect.sync(() => this.settle(pick(this.in("leased"), operation.which), operation.how))
      case "DialSucceeds":
        return Effect.sync(() => this.dialEnds(pick(this.dials, operation.which), true))
      case "DialFails":
        return Effect.sync(() => this.dialEnds(pick(this.dials, operation.which), false))
      case "ServerEnds":
        return Effect.sync(() => this.end(pick(this.alive, operation.which), operation))
      case "ServerSends":
        return Effect.sync(() => pick(this.alive, operation.which)?.[operation.later ? "sendLater" : "send"]("!"))
      case "Advance":
        return TestClock.adjust(operation.millis)
      case "Cleanup":
        return this.pool.cleanup
      case "Clear":
        return this.pool.clear
      case "Evict":
        return this.pool.evict(this.keys[operation.host] as ConnectionKey)
      case "Settled":
        return this.settled
    }
  }

  private request(key: ConnectionKey): void {
    const request = new Request(this.requests.length + 1, key, this)
    this.requests.push(request)
    request.pending = this.pool.unsafe.request(key, request)
  }

  private dialEnds(dial: FakeDial | undefined, well: boolean): void {
    if (dial === undefined) return
    MutableHashMap.set(this.lastDial, dial.key, well)
    if (well) dial.succeed()
    else dial.fail()
  }

  private cancel(request: Request | undefined): void {
    if (request === undefined) return
    if (request.pending?.cancel() !== true) this.wrong(`request ${request.number} waited, and could not be cancelled`)
    request.state = "cancelled"
  }

  private settle(request: Request | undefined, how: "Reusable" | "Spent" | "Broken"): void {
    if (request === undefined) return
    // Before, not after: the pool may hand the connection to the next one within the call.
    request.state = "settled"
    request.lease?.settle(
      how === "Reusable" ? Lease.Reusable() : how === "Spent" ? Lease.Spent("spent") : Lease.Broken("broken")
    )
  }

  private end(socket: FakeSocket | undefined, how: { readonly kind: "fin" | "reset"; readonly later: boolean }): void {
    if (socket === undefined) return
    if (how.kind === "fin") how.later ? socket.endLater() : socket.end()
    else how.later ? socket.resetLater() : socket.reset()
  }

  private checkLimits(): void {
    const { maxConnections, maxConnectionsPerHost } = this.pool.config
    const all = this.network.open.length + this.dials.length
    if (all > maxConnections) this.wrong(`${all} connections and dials, where maxConnections is ${maxConnections}`)
    for (const key of this.keys) {
      const here = this.to(key).length + this.dialling(key)
      if (here > maxConnectionsPerHost) {
        this.wrong(`${here} connections and dials to ${key}, where maxConnectionsPerHost is ${maxConnectionsPerHost}`)
      }
    }
  }

  private get settled(): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      yield* this.network.settle
      const stats = yield* this.pool.stats
      const held = this.in("leased").length
      this.same("activeConnections", stats.activeConnections, held)
      this.same("pooledConnections", stats.pooledConnections, this.network.open.length - held)
      this.same("openingConnections", stats.openingConnections, this.dials.length)
      this.same("pendingAcquires", stats.pendingAcquires, this.in("waiting").length)
      this.same(
        "hits + misses",
        stats.hits + stats.misses,
        this.requests.filter((request) => request.lease !== undefined).length
      )
      const closed = Object.values(stats.closed).reduce((sum, count) => sum + count, 0)
      this.same("created less closed", stats.created - closed, this.network.open.length)
      this.checkLimits()
      this.checkDead()
      this.checkWaiting()
      const inVain = this.pool.unsafe.waitsInVain()
      if (inVain !== undefined) this.wrong(inVain)
      for (const violation of this.network.violations) this.wrong(violation)
    })
  }

  private same(name: string, told: number, real: number): void {
    if (told !== real) this.wrong(`${name} is told as ${told}, and is ${real}`)
  }

  private checkDead(): void {
    const held = new Set(this.in("leased").map((request) => request.lease?.connection))
    for (const socket of this.network.open) {
      if (socket.ended && !held.has(socket.connection))
        this.wrong(`connection ${socket.id} was ended by the server and is kept`)
    }
  }

  private checkWaiting(): void {
    const { maxConnecting, maxConnections, maxConnectingPerHost, maxConnectionsPerHost } = this.pool.config
    const held = new Set(this.in("leased").map((request) => request.lease?.connection))
    for (const key of this.keys) {
      const waiting = this.in("waiting").filter((request) => Equal.equals(request.key, key)).length
      if (waiting === 0) continue
      const idle = this.to(key).find((socket) => !held.has(socket.connection))
      if (idle !== undefined) this.wrong(`${waiting} wait for ${key} while connection ${idle.id} is idle`)
      const dialling = this.dialling(key)
      const idleElsewhere = this.network.open.length > held.size
      const room = this.network.open.length + this.dials.length < maxConnections || idleElsewhere
      const mayDial =
        room &&
        this.to(key).length + dialling < maxConnectionsPerHost &&
        this.dials.length < maxConnecting &&
        dialling < maxConnectingPerHost
      // After a failed dial those in line wait a while for the connections that the host has before they dial again.
      const failed = Option.contains(MutableHashMap.get(this.lastDial, key), false)
      if (failed && this.to(key).length > 0) continue
      if (mayDial && dialling === 0) this.wrong(`${waiting} wait for ${key}, there is room, and nothing is dialled`)
    }
  }

  private in(state: RequestState): ReadonlyArray<Request> {
    return this.requests.filter((request) => request.state === state)
  }

  private get dials(): ReadonlyArray<FakeDial> {
    return this.network.dials.filter((dial) => dial.state === "pending")
  }

  private get alive(): ReadonlyArray<FakeSocket> {
    return this.network.open.filter((socket) => !socket.ended)
  }

  private to(key: ConnectionKey): ReadonlyArray<FakeSocket> {
    return this.network.open.filter((socket) => Equal.equals(this.network.keyOf(socket), key))
  }

  private dialling(key: ConnectionKey): number {
    return this.dials.filter((dial) => Equal.equals(dial.key, key)).length
  }

  private keyOf(lease: Lease.Lease): ConnectionKey | undefined {
    const socket = this.network.sockets.find((one) => one.connection === lease.connection)
    return socket === undefined ? undefined : this.network.keyOf(socket)
  }
}
