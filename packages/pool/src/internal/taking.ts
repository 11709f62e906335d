/**
 * Leases as effects: waiting that loses nothing to an interruption, and giving back what was not used.
 *
 * Waiting is `uninterruptibleMask` with the bare wait restored and both ends handled in one `matchCauseEffect`. A
 * canceler on `Effect.async` is not enough: when the fiber yields right after registering, an interruption there never
 * runs it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as AsyncContexts from "../AsyncContexts.js"
import type { Connection } from "../Connection.js"
import type { ConnectionKey } from "../ConnectionKey.js"
import type { Lease, LeaseRequest, LeaseRequestOptions, PendingLease } from "../Lease.js"
import { Broken, Reusable } from "../Lease.js"
import type { AcquireError } from "../PoolError.js"
import * as Glances from "./glances.js"
import type { Interpreter } from "./interpreter.js"
import type { LeaseImpl } from "./lease.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** A fiber's request: remembers the answer until the fiber listens. */
class FiberRequest implements LeaseRequest {
  lease: LeaseImpl | undefined = undefined
  error: AcquireError | undefined = undefined
  private resume: ((effect: Effect.Effect<LeaseImpl, AcquireError>) => void) | undefined = undefined

  onLease(lease: Lease): void {
    this.lease = lease as LeaseImpl
    this.resume?.(Effect.succeed(this.lease))
  }

  onRefused(error: AcquireError): void {
    this.error = error
    this.resume?.(Effect.fail(error))
  }

  readonly listen = (resume: (effect: Effect.Effect<LeaseImpl, AcquireError>) => void): void => {
    this.resume = resume
    // Answered between asking and listening.
    if (this.lease !== undefined) resume(Effect.succeed(this.lease))
    else if (this.error !== undefined) resume(Effect.fail(this.error))
  }

  /** The fiber has gone: the place in line, or the lease granted in this very turn, passes on. */
  abandon(pending: PendingLease): void {
    pending.cancel()
    if (this.lease !== undefined) giveBack(this.lease, true)
  }
}

/**
 * Asks for a lease, inside a mask whose `restore` is given, and goes on with it: within the very step in which it asked
 * if it was granted there, as it is on a pool that is not at its limits. Each step saved is a tenth of what a lease costs.
 */
const asking = <A, E, R>(
  pool: Interpreter,
  key: ConnectionKey,
  restore: Restore,
  options: LeaseRequestOptions | undefined,
  mayRest: boolean,
  andThen: (lease: LeaseImpl, fiber: Fiber.RuntimeFiber<A, E | AcquireError>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | AcquireError, R> =>
  Effect.withFiberRuntime<A, E | AcquireError, R>((fiber) => {
    const request = new FiberRequest()
    const span = fiber.currentSpan
    const pending = pool.request(key, request, span === undefined ? options : { ...options, span })
    const { error, lease } = request
    if (error !== undefined) return Effect.fail(error)
    const taken = (lease: LeaseImpl) =>
      mayRest || !lease.resting
        ? andThen(lease, fiber)
        : Effect.flatMap(rest(pool, lease, restore), (rested) => andThen(rested, fiber))
    return lease !== undefined ? taken(lease) : waiting(pool, request, pending, restore, taken)
  })

const waiting = <A, E, R>(
  pool: Interpreter,
  request: FiberRequest,
  pending: PendingLease,
  restore: Restore,
  andThen: (lease: LeaseImpl) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | AcquireError, R> =>
  // The grant comes from a dial, from a timer, or from within another caller's return.
  AsyncContexts.wait(pool.contexts, restore, request.listen, {
    onFailure: (cause) => {
      request.abandon(pending)
      return Effect.failCause(cause)
    },
    onSuccess: andThen
  })

/** A lease, inside a mask whose `restore` is given. It may be resting. */
export const take = (
  pool: Interpreter,
  key: ConnectionKey,
  restore: Restore,
  options?: LeaseRequestOptions
): Effect.Effect<LeaseImpl, AcquireError> => asking(pool, key, restore, options, true, Effect.succeed)

/** A lease whose connection has rested: whatever the peer had sent before is known. One that died meanwhile is replaced. */
const takeRested = (
  pool: Interpreter,
  key: ConnectionKey,
  restore: Restore,
  options?: LeaseRequestOptions
): Effect.Effect<LeaseImpl, AcquireError> => asking(pool, key, restore, options, false, Effect.succeed)

const rest = (pool: Interpreter, lease: LeaseImpl, restore: Restore): Effect.Effect<LeaseImpl, AcquireError> =>
  AsyncContexts.wait(pool.contexts, restore, onTurn(lease.connection), {
    onFailure: (cause) => {
      giveBack(lease, true)
      return Effect.failCause(cause)
    },
    onSuccess: () => {
      if (lease.connection.isOpen && lease.untouched) return Effect.succeed(lease)
      lease.settle(Broken(lease.connection.isOpen ? "UnexpectedBytes" : "PeerClosed"))
      return takeRested(pool, lease.key, restore, { replaces: lease })
    }
  })

const onTurn = (connection: Connection) => (resume: (effect: Effect.Effect<void>) => void) =>
  connection.onTurn(() => resume(Effect.void))

/**
 * Gives back a lease that was not settled. Success alone never proves that a connection is fit: a lost race or a
 * half-read body end with success too. What nobody touched is as it was; all else is closed.
 */
const giveBack = (lease: LeaseImpl, succeeded: boolean): void => {
  if (lease.settled) return
  if (!succeeded) return lease.settle(Broken("UseFailed"))
  if (!lease.untouched) return lease.settle(Broken("Unsettled"))
  lease.settle(Reusable())
}

export const lease = (pool: Interpreter, key: ConnectionKey): Effect.Effect<Lease, AcquireError> =>
  Effect.uninterruptibleMask((restore) => take(pool, key, restore))

/** A lease that ends with a scope, which may close before there is one. */
class ScopedLease {
  private lease: LeaseImpl | undefined = undefined
  private closed: Exit.Exit<unknown, unknown> | undefined = undefined

  readonly end = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
    this.closed = exit
    if (this.lease !== undefined) giveBack(this.lease, exit._tag === "Success")
    return Effect.void
  }

  /** Whoever closes the scope meanwhile has no use for the connection, which is not theirs any more. */
  hold(lease: LeaseImpl): Effect.Effect<Connection> {
    this.lease = lease
    if (this.closed === undefined) return Effect.succeed(lease.connection)
    giveBack(lease, this.closed._tag === "Success")
    return Effect.interrupt
  }
}

/**
 * Where a connection lies ready the lease is taken in one step, which nothing can interrupt, after its end was put into
 * the scope: that needs no mask, which would cost as much as the lease.
 */
export const acquire = (pool: Interpreter, key: ConnectionKey): Effect.Effect<Connection, AcquireError, Scope.Scope> =>
  Effect.withFiberRuntime<Connection, AcquireError, Scope.Scope>((fiber) => {
    if (!Glances.seemsReady(pool, key)) return acquireInLine(pool, key)
    const scoped = new ScopedLease()
    return Effect.flatMap(Scope.addFinalizerExit(scopeOf(fiber), scoped.end), () => {
      const request = new FiberRequest()
      const span = fiber.currentSpan
      const pending = pool.request(key, request, span === undefined ? undefined : { span })
      const { error, lease } = request
      if (error !== undefined) return Effect.fail(error)
      if (lease === undefined) {
        // Others had their turn since it was looked at, or it has become stale.
        pending.cancel()
        return acquireInLine(pool, key)
      }
      const held = scoped.hold(lease)
      // The clock leapt in this very moment.
      return lease.resting ? Effect.uninterruptibleMask((restore) => restInScope(pool, lease, restore, scoped)) : held
    })
  })

const restInScope = (pool: Interpreter, lease: LeaseImpl, restore: Restore, scoped: ScopedLease) =>
  Effect.flatMap(rest(pool, lease, restore), (rested) => scoped.hold(rested))

const acquireInLine = (pool: Interpreter, key: ConnectionKey): Effect.Effect<Connection, AcquireError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    asking<Connection, never, Scope.Scope>(pool, key, restore, undefined, false, (lease, fiber) => {
      const scoped = new ScopedLease()
      return Effect.flatMap(Scope.addFinalizerExit(scopeOf(fiber), scoped.end), () => scoped.hold(lease))
    })
  )

const scopeOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Scope.Scope =>
  Context.unsafeGet(fiber.currentContext as Context.Context<Scope.Scope>, Scope.Scope)

export const use = <A, E, R>(
  pool: Interpreter,
  key: ConnectionKey,
  f: (connection: Connection, lease: Lease) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | AcquireError, R> =>
  Effect.uninterruptibleMask((restore) =>
    asking<A, E, R>(pool, key, restore, undefined, false, (lease) =>
      Effect.matchCauseEffect(restore(Effect.suspend(() => f(lease.connection, lease))), {
        onFailure: (cause) => {
          giveBack(lease, false)
          return Effect.failCause(cause)
        },
        onSuccess: (value) => {
          giveBack(lease, true)
          return Effect.succeed(value)
        }
      })
    )
  )
