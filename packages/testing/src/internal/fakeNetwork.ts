/**
 * Dials as values: each is won by whoever comes first, the test that ends it or the client that gives up.
 */
import type { ConnectionFacts } from "@hotaru/pool/Connection"
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { ConnectorShape } from "@hotaru/pool/Connector"
import { ConnectError } from "@hotaru/pool/PoolError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberSet from "effect/FiberSet"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { DialFailure, FakeDial, FakeNetworkOptions, FakeNetworkShape, SocketHandler } from "../FakeNetwork.js"
import type { FakeSocket } from "../FakeSocket.js"
import { Changes } from "./changes.js"
import { EventLoop } from "./eventLoop.js"
import { makeSocket } from "./fakeSocket.js"
import { quiet, settled } from "./quiet.js"

type Outcome = Either.Either<FakeSocket, ConnectError>

class FakeDialImpl implements FakeDial {
  state: FakeDial["state"] = "pending"
  socket: FakeSocket | undefined = undefined
  private outcome: Outcome | undefined = undefined
  private resume: ((outcome: Outcome) => void) | undefined = undefined

  constructor(
    readonly key: ConnectionKey,
    readonly number: number,
    private readonly open: (key: ConnectionKey, facts: ConnectionFacts | undefined) => FakeSocket
  ) {}

  get interrupted(): boolean {
    return this.state === "interrupted"
  }

  succeed(facts?: ConnectionFacts): FakeSocket {
    this.mustBePending("succeed")
    this.state = "succeeded"
    this.socket = this.open(this.key, facts)
    this.finish(Either.right(this.socket))
    return this.socket
  }

  fail(failure: DialFailure = {}): void {
    this.mustBePending("fail")
    this.state = "failed"
    const code = failure.code ?? "ECONNREFUSED"
    this.finish(
      Either.left(
        new ConnectError({
          key: this.key,
          phase: failure.phase ?? "tcp",
          code,
          address: failure.address,
          detail: failure.detail ?? code,
          local: failure.local ?? false,
          cause: failure.cause
        })
      )
    )
  }

  /** The client waits from here on. */
  readonly wait: Effect.Effect<FakeSocket, ConnectError> = Effect.async((resume) => {
    if (this.outcome !== undefined) resume(this.outcome)
    else this.resume = resume
  })

  /** The client has gone. A connection that was opened for it in the same turn has no owner. */
  abandon(): void {
    if (this.state === "pending") this.state = "interrupted"
    this.socket?.connection.destroy("dial interrupted")
  }

  private finish(outcome: Outcome): void {
    this.outcome = outcome
    this.resume?.(outcome)
  }

  private mustBePending(wish: string): void {
    if (this.state !== "pending")
      throw new Error(`dial ${this.number} to ${this.key} cannot ${wish}: it is ${this.state}`)
  }
}

class Network implements FakeNetworkShape {
  readonly dials: Array<FakeDialImpl> = []
  readonly sockets: Array<FakeSocket> = []
  readonly opened = new Set<FakeSocket>()
  private readonly keys = new Map<FakeSocket, ConnectionKey>()
  private readonly openPerKey = MutableHashMap.empty<ConnectionKey, number>()
  private readonly maxPerKey = MutableHashMap.empty<ConnectionKey, number>()
  private max = 0
  private taken = 0
  private accept: SocketHandler | true | undefined
  private readonly changes = new Changes()
  readonly loop: EventLoop

  /** Why handlers died. */
  readonly defects: Array<Cause.Cause<never>> = []

  constructor(
    options: FakeNetworkOptions,
    private readonly run: (effect: Effect.Effect<void>) => void
  ) {
    this.loop = new EventLoop(options.manualTurns === true)
    this.accept = options.autoAccept
  }

  readonly connect: ConnectorShape["connect"] = (key) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.scope, (scope) => {
        const dial = this.dial(key)
        // No canceler: registering one and being interrupted right after leaves a hole (see Sweep).
        return Effect.matchCauseEffect(restore(dial.wait), {
          onFailure: (cause) => {
            dial.abandon()
            return Effect.failCause(cause)
          },
          onSuccess: (socket) =>
            Effect.as(
              Scope.addFinalizer(
                scope,
                Effect.sync(() => socket.connection.destroy("scope closed"))
              ),
              socket.connection
            )
        })
      })
    )

  private dial(key: ConnectionKey): FakeDialImpl {
    const dial = new FakeDialImpl(key, this.dials.length + 1, this.opens)
    this.dials.push(dial)
    if (this.accept !== undefined) {
      const socket = dial.succeed()
      if (this.accept !== true) this.serve(this.accept, socket, key)
    }
    this.changes.tell()
    return dial
  }

  /** A handler that dies is a broken test: the client is told at once, and the layer's end fails with the defect. */
  private serve(handler: SocketHandler, socket: FakeSocket, key: ConnectionKey): void {
    this.run(
      Effect.catchAllCause(
        Effect.suspend(() => handler.serve(socket, key)),
        (cause) => {
          if (Cause.isInterruptedOnly(cause)) return Effect.failCause(cause)
          return Effect.sync(() => {
            this.defects.push(cause)
            if (!socket.ended) socket.fail(Cause.squash(cause))
          })
        }
      )
    )
  }

  private readonly opens = (key: ConnectionKey, facts: ConnectionFacts | undefined): FakeSocket => {
    const socket = makeSocket(this.loop, facts ?? defaultFacts(key), this.closes)
    this.sockets.push(socket)
    this.opened.add(socket)
    this.keys.set(socket, key)
    const open = Option.getOrElse(MutableHashMap.get(this.openPerKey, key), () => 0) + 1
    MutableHashMap.set(this.openPerKey, key, open)
    MutableHashMap.set(this.maxPerKey, key, Math.max(open, this.maxOpen(key)))
    this.max = Math.max(this.max, this.opened.size)
    return socket
  }

  private readonly closes = (socket: FakeSocket): void => {
    this.opened.delete(socket)
    const key = this.keys.get(socket) as ConnectionKey
    MutableHashMap.modify(this.openPerKey, key, (open) => open - 1)
  }

  get open(): ReadonlyArray<FakeSocket> {
    return [...this.opened]
  }

  get untaken(): ReadonlyArray<FakeDial> {
    return this.dials.slice(this.taken)
  }

  get violations(): ReadonlyArray<string> {
    return this.sockets.flatMap((socket) =>
      socket.violations.map((violation) => `connection ${socket.id} ${violation}`)
    )
  }

  readonly keyOf = (socket: FakeSocket): ConnectionKey | undefined => this.keys.get(socket)

  readonly maxOpen = (key?: ConnectionKey): number =>
    key === undefined ? this.max : Option.getOrElse(MutableHashMap.get(this.maxPerKey, key), () => 0)

  readonly autoAccept = (handler?: SocketHandler): void => {
    this.accept = handler ?? true
  }

  readonly park = (): void => {
    this.accept = undefined
  }

  readonly nextDial: Effect.Effect<FakeDial> = Effect.suspend(() => {
    const dial = this.dials[this.taken]
    if (dial === undefined) return Effect.flatMap(this.changes.after(this.changes.count), () => this.nextDial)
    this.taken++
    return Effect.succeed(dial)
  })

  get poll(): Effect.Effect<void> {
    return Effect.zipRight(
      quiet,
      Effect.zipRight(
        Effect.sync(() => this.loop.poll()),
        quiet
      )
    )
  }

  get settle(): Effect.Effect<void> {
    return settled(this.loop)
  }
}

/** Addresses of RFC 5737, which no network uses. */
const defaultFacts = (key: ConnectionKey): ConnectionFacts => ({
  remoteAddress: key.socketPath ?? "192.0.2.1",
  ...(key.socketPath === undefined ? { remotePort: key.port } : {}),
  localAddress: key.localAddress ?? "192.0.2.100",
  ...(key.useTls
    ? { tls: { protocol: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", authorized: true, resumed: false } }
    : {})
})

export interface MadeNetwork {
  readonly network: FakeNetworkShape
  readonly connector: ConnectorShape
}

export const makeNetwork = (options: FakeNetworkOptions): Effect.Effect<MadeNetwork, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const network = new Network(options, run)
    yield* Effect.addFinalizer(() =>
      network.defects.length === 0 ? Effect.void : Effect.failCause(network.defects.reduce(Cause.sequential))
    )
    return { network, connector: { connect: network.connect } }
  })
