/**
 * The last net under responses that were dropped with their body unread: the garbage collector tells, and it is reported.
 * Never the normal way, which is read-ahead, `unreadBodyTimeout`, the pool's need, a scope, or reading.
 *
 * @internal
 */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import { count } from "./plural.js"

/**
 * What is left of a response when nobody holds it any more. None of it may hold the response, and exchange and body do
 * in round-about ways, through a fiber in the stack of an error: they are held weakly, and by their connection while
 * the body is open.
 */
export interface Remains {
  readonly exchange: WeakRef<{ abort(reason: string): void }>
  readonly body: WeakRef<{ readonly isOpen: boolean; readonly received: number }>
  readonly key: ConnectionKey
  readonly connectionId: number
  readonly runtime: Runtime.Runtime<never>
}

const registry = new FinalizationRegistry<Remains>(({ connectionId, key, runtime, ...remains }) => {
  const body = remains.body.deref()
  if (body === undefined || !body.isOpen) return
  remains.exchange.deref()?.abort("nobody holds its response any more")
  Runtime.runFork(runtime)(
    Effect.logDebug(
      `A response of ${key} was dropped with its body unread after ${count(body.received, "byte")}; it held connection ${connectionId} ` +
        "until the garbage collector found it. Read bodies to their end, or execute under HttpClient.withScope."
    )
  )
})

export const watch = (response: object, remains: Remains): void => registry.register(response, remains)
