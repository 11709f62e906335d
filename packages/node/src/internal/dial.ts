/**
 * A dial: name look-up, then the race. Callbacks only, so that leaving it closes everything in the same call, whatever
 * stage it is in.
 *
 * @internal
 */

import * as Net from "node:net"
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { DialPlace } from "@hotaru/pool/Connector"
import type { ConnectError, EgressDenial, EgressDenied } from "@hotaru/pool/PoolError"
import * as Cause from "effect/Cause"
import { type Address, type FamilyPreference, inDialOrder } from "./addresses.js"
import type { SocketSettings, Target, TlsTarget } from "./attempt.js"
import {
  type AttemptFailure,
  isOurs,
  isRefusal,
  ofAttempts,
  ofDefect,
  ofDenials,
  ofLookup,
  refused
} from "./dialErrors.js"
import type { EgressGuard } from "./egressGuard.js"
import type { Failures } from "./failures.js"
import type { Answer, Lookups } from "./lookups.js"
import { type Later, Race } from "./race.js"
import type { SocketConnection } from "./socketConnection.js"
import { type NodeTlsIdentity, withoutDot } from "./tlsIdentity.js"

/**
 * Addresses of a name that one dial goes to; the next begins one further. Whoever answers for a name says how many it
 * has, thousands if it likes, and each would be a connection to somebody else's machine, for one request.
 */
export const mostAddresses = 32

/** What all dials of a connector share. */
export interface Dialler {
  readonly lookups: Lookups
  readonly failures: Failures
  readonly settings: SocketSettings
  readonly preference: FamilyPreference
  readonly localAddress: string | undefined
  readonly later: Later
  /** Undefined: everything may be dialled. */
  readonly guard: EgressGuard | undefined
}

export interface DialOwner {
  /** How long the whole may take, which the owner sees to. Milliseconds. */
  readonly timeout?: number
  onOpened(connection: SocketConnection): void
  onFailed(error: ConnectError | EgressDenied): void
}

export class Dial {
  private race: Race | undefined
  private stopWaiting: (() => void) | undefined
  private connection: SocketConnection | undefined
  private over = false
  private readonly startedAt = performance.now()

  constructor(
    private readonly dialler: Dialler,
    private readonly key: ConnectionKey,
    private readonly identity: NodeTlsIdentity | undefined,
    private readonly owner: DialOwner
  ) {}

  start(): void {
    const { host, socketPath } = this.key
    // Node takes an empty path for none, and would dial localhost.
    if (socketPath === "") return this.fail(refused(this.key, "tcp", "the path of its unix socket is empty", true))
    if (socketPath !== undefined) return this.run([this.target(socketPath, undefined)])
    const { timeout } = this.owner
    const stop = this.dialler.lookups.get(host, (answer, rotation) => this.onAnswer(answer, rotation), timeout)
    // An answer at hand has come within the call.
    if (this.race === undefined && !this.over) this.stopWaiting = stop
  }

  /** Where it is, for the message if its time passes. */
  place(): DialPlace {
    return this.race?.place() ?? { phase: "dns", detail: this.dialler.lookups.waitingFor(this.key.host) }
  }

  /** Closes whatever is open, synchronously; also a connection that was opened and not taken over. */
  abort(): void {
    this.over = true
    this.stopWaiting?.()
    this.race?.abort()
    this.connection?.destroy("aborted")
  }

  private onAnswer(answer: Answer, rotation: number): void {
    this.stopWaiting = undefined
    if (this.over) return
    if (answer._tag === "Failure") {
      const failure = Cause.failureOrCause(answer.cause)
      return this.fail(
        failure._tag === "Left" ? ofLookup(this.key, failure.left) : ofDefect(this.key, Cause.squash(failure.right))
      )
    }
    const { failures, preference } = this.dialler
    const { port } = this.key
    const ordered = inDialOrder(answer.value, {
      preference,
      rotation,
      failedLately: (address) => failures.has(placeOf(address, port))
    })
    const reachable = this.fromHere(ordered)
    if (reachable.length > 0)
      return this.run(reachable.slice(0, mostAddresses).map(({ address }) => this.target(address, port)))
    this.fail(this.noAddress(answer.value, ordered))
  }

  /** A local address reaches its own family only. */
  private fromHere(addresses: ReadonlyArray<Address>): ReadonlyArray<Address> {
    const local = this.localAddress()
    if (local === undefined) return addresses
    const family = Net.isIP(local)
    return addresses.filter((each) => each.family === family)
  }

  private noAddress(all: ReadonlyArray<Address>, wanted: ReadonlyArray<Address>): ConnectError {
    if (all.length === 0) return refused(this.key, "dns", "the name has no address", false, "ENODATA")
    if (wanted.length === 0)
      return refused(this.key, "dns", `the name has no address of the family wanted (${this.dialler.preference})`, true)
    return refused(
      this.key,
      "tcp",
      `no address of the name can be reached from ${this.localAddress()}`,
      true,
      "EADDRNOTAVAIL"
    )
  }

  private localAddress(): string | undefined {
    return this.key.localAddress ?? this.dialler.localAddress
  }

  private target(address: string, port: number | undefined): Target {
    const { guard, settings } = this.dialler
    const egress = guard === undefined ? undefined : { guard, key: this.key }
    return { address, port, localAddress: this.localAddress(), tls: this.tls(), settings, egress }
  }

  private tls(): TlsTarget | undefined {
    const { host, port, socketPath } = this.key
    if (this.identity === undefined) return undefined
    const place = `${host}|${port}|${socketPath ?? ""}`
    return { identity: this.identity, name: this.identity.servername ?? withoutDot(host), place }
  }

  private run(targets: ReadonlyArray<Target>): void {
    const dns = this.key.socketPath === undefined ? performance.now() - this.startedAt : 0
    this.race = new Race(targets, dns, this, this.dialler.later)
    this.race.start()
  }

  onWon(connection: SocketConnection, denials: ReadonlyArray<EgressDenial>): void {
    this.connection = connection
    if (denials.length > 0) connection.facts = { ...connection.facts, denials }
    const { remoteAddress, remotePort } = connection.facts
    const tls = this.tls()
    if (tls !== undefined) connection.explain = alertsOf(this.key, tls, remoteAddress ?? this.key.host)
    if (remoteAddress !== undefined && remotePort !== undefined)
      this.dialler.failures.clear(placeOf(remoteAddress, remotePort))
    this.owner.onOpened(connection)
  }

  onFailure({ address, cause }: AttemptFailure): void {
    if (this.key.socketPath === undefined && !isOurs(cause)) this.dialler.failures.add(placeOf(address, this.key.port))
  }

  /** It goes last for a while as if it had failed, or each dial that begins there would wait for it again. */
  onSilence(address: string): void {
    this.dialler.failures.add(placeOf(address, this.key.port))
  }

  /**
   * A name may have addresses that are allowed beside others that are not: the former are dialled, as if it had no
   * others. To refuse the name would let whoever answers for it, or a resolver that adds an address of its own, keep us
   * from a host that we may reach, and it would protect nothing: what is denied is not dialled either way.
   */
  onLost(failures: ReadonlyArray<AttemptFailure>, denials: ReadonlyArray<EgressDenial>): void {
    const denied = failures.length > 0 ? undefined : ofDenials(this.key, this.dialler.guard?.label ?? "", denials)
    this.fail(denied ?? ofAttempts(this.key, failures, denials))
  }

  private fail(error: ConnectError | EgressDenied): void {
    this.over = true
    this.owner.onFailed(error)
  }
}

/** TLS 1.3 refuses a client's certificate after the handshake, as far as the client can see it: the dial failed late. */
const alertsOf =
  (key: ConnectionKey, { identity, place }: TlsTarget, address: string) =>
  (cause: unknown): unknown => {
    if (!isRefusal(cause)) return cause
    identity.sessions.drop(place)
    return ofAttempts(key, [{ phase: "tls", address, cause, presented: identity.presents }])
  }

const placeOf = (address: string, port: number): string => `${address}|${port}`
