/**
 * What the interpreter keeps for a connection beside the core's record of it.
 */
import type * as Scope from "effect/Scope"
import { type LeaseImpl, type LeaseOwner, ParkedReceiver } from "./lease.js"
import type { Entry } from "./model.js"

export interface Attachment {
  readonly scope: Scope.CloseableScope
  readonly receiver: ParkedReceiver
  /** Called when the event loop has polled after the connection's last byte; made once per connection. */
  readonly rested: () => void
  parked: boolean
  /** The latest lease it carries. */
  lease: LeaseImpl | undefined
}

/** From here on the pool listens to the connection. */
export const attach = (owner: LeaseOwner, entry: Entry, scope: Scope.CloseableScope): Attachment => {
  const receiver = new ParkedReceiver(owner, entry)
  entry.connection.receiver = receiver
  return {
    scope,
    receiver,
    rested: () => {
      entry.resting = false
    },
    parked: false,
    lease: undefined
  }
}
