/**
 * Runs dials: each in a fiber of the pool and a scope of its own, within `connectionTimeout`.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import type { AsyncContext } from "../AsyncContexts.js"
import type { Connection } from "../Connection.js"
import type { ConnectionKey } from "../ConnectionKey.js"
import { type ConnectorShape, CurrentDial, type CurrentDialShape, type DialPlace } from "../Connector.js"
import type { Deadline, Deadlines } from "../Deadlines.js"
import { ConnectError, ConnectTimeout, type DialError, type EgressDenied } from "../PoolError.js"
import type { Dial } from "./model.js"

export interface DialOwner {
  opened(dial: Dial, connection: Connection, scope: Scope.CloseableScope): void
  failed(dial: Dial, error: DialError): void
}

interface Running {
  readonly fiber: Fiber.RuntimeFiber<void>
  readonly deadline: Deadline
  readonly told: Told
}

/** What the connector says of a dial. */
class Told implements CurrentDialShape {
  place: (() => DialPlace) | undefined

  constructor(readonly timeout: number) {}

  readonly tell = (place: () => DialPlace): void => {
    this.place = place
  }
}

export class Dialler {
  private readonly running = new Map<Dial, Running>()

  constructor(
    private readonly connector: ConnectorShape,
    private readonly runtime: Runtime.Runtime<never>,
    private readonly connections: Scope.Scope,
    private readonly deadlines: Deadlines,
    private readonly owner: DialOwner,
    /** Dials and what they open are nobody's: whoever is first in line gets it, and others after that one. */
    private readonly root: AsyncContext
  ) {}

  start(dial: Dial): void {
    // Given up between being decided on and being begun.
    if (dial.ended) return
    const { key, settings } = dial.host
    const timeout = settings.connectionTimeout
    const told = new Told(timeout)
    const deadline = this.deadlines.set(timeout, () => {
      // Asked before the interruption takes it from where it is.
      const place = told.place?.()
      this.stop(dial)
      this.owner.failed(dial, new ConnectTimeout({ key, timeout, phase: place?.phase, detail: place?.detail }))
    })
    const fiber = this.root.run(Runtime.runFork(this.runtime), this.dial(dial, told))
    // A dial may end within the call that starts it.
    if (dial.ended) deadline.clear()
    else this.running.set(dial, { fiber, deadline, told })
  }

  /** Those of the dials that have no address yet, by their connector's word. */
  unresolved(dials: Iterable<Dial>): Array<Dial> {
    const found: Array<Dial> = []
    for (const dial of dials) if (this.running.get(dial)?.told.place?.().phase === "dns") found.push(dial)
    return found
  }

  /** Gives a dial up: whatever it has opened by now is closed. */
  stop(dial: Dial): void {
    const running = this.take(dial)
    if (running !== undefined) this.root.run(interrupt, running.fiber)
  }

  /** Closes a connection's scope; its finalizers may take their time. */
  close(scope: Scope.CloseableScope): void {
    this.root.run(Runtime.runFork(this.runtime), Scope.close(scope, Exit.void))
  }

  private take(dial: Dial): Running | undefined {
    const running = this.running.get(dial)
    this.running.delete(dial)
    running?.deadline.clear()
    return running
  }

  private dial(dial: Dial, told: CurrentDialShape): Effect.Effect<void> {
    const { key } = dial.host
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.fork(this.connections, ExecutionStrategy.sequential), (scope) =>
        Effect.matchCauseEffect(
          restore(
            Scope.extend(
              Effect.provideService(
                Effect.suspend(() => this.connector.connect(key)),
                CurrentDial,
                told
              ),
              scope
            )
          ),
          {
            onFailure: (cause) => {
              this.take(dial)
              if (!dial.ended) this.owner.failed(dial, toError(dial, cause))
              return Scope.close(scope, Exit.failCause(cause))
            },
            onSuccess: (connection) => {
              this.take(dial)
              // Given up in the very turn in which it succeeded.
              if (dial.ended) return Scope.close(scope, Exit.void)
              this.owner.opened(dial, connection, scope)
              return Effect.void
            }
          }
        )
      )
    )
  }
}

const interrupt = (fiber: Fiber.RuntimeFiber<unknown>): void => fiber.unsafeInterruptAsFork(FiberId.none)

export const openedTwice = (key: ConnectionKey, id: number): ConnectError =>
  new ConnectError({
    key,
    phase: "tcp",
    detail: `the connector opened connection ${id}, which the pool has already`,
    local: true
  })

const toError = (dial: Dial, cause: Cause.Cause<ConnectError | EgressDenied>): DialError => {
  const failure = Cause.failureOption(cause)
  if (failure._tag === "Some") return failure.value
  const { key } = dial.host
  if (Cause.isInterruptedOnly(cause)) {
    return new ConnectError({
      key,
      phase: "tcp",
      detail: "the dial was interrupted from outside the pool",
      local: true,
      cause
    })
  }
  return new ConnectError({
    key,
    phase: "tcp",
    detail: `the connector died: ${Cause.pretty(cause)}`,
    local: true,
    cause
  })
}
