/**
 * The last net under responses that were dropped with their body unread: the garbage collector tells, and it is reported.
 * Never the normal way, which is read-ahead, `unreadBodyTimeout`, the pool's need, a scope, or reading.
 *
 * @internal
 */
import type { Lease } from "@hotaru/pool/Lease"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"

/** What is left of a response when nobody holds it any more. None of it may hold the response. */
export interface Remains {
  readonly exchange: { abort(reason: string): void }
  readonly body: { readonly isOpen: boolean; readonly received: number }
  readonly lease: Lease
  readonly runtime: Runtime.Runtime<never>
}

const registry = new FinalizationRegistry<Remains>(({ body, exchange, lease, runtime }) => {
  if (!body.isOpen) return
  const { connection, key } = lease
  exchange.abort("nobody holds its response any more")
  Runtime.runFork(runtime)(
    Effect.logDebug(
      `A response of ${key} was dropped with its body unread after ${body.received} bytes; it held connection ${connection.id} ` +
        "until the garbage collector found it. Read bodies to their end, or execute under HttpClient.withScope."
    )
  )
})

export const watch = (response: object, remains: Remains): void => registry.register(response, remains)
