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
  /** Those before it that it still carries; only connections that carry many have any. */
  others: Set<LeaseImpl> | undefined
}

/** The connection carries one more lease. */
export const carry = (attachment: Attachment, lease: LeaseImpl): void => {
  if (attachment.lease !== undefined) {
    attachment.others ??= new Set()
    attachment.others.add(attachment.lease)
  }
  attachment.lease = lease
}

/** The connection carries one less. */
export const drop = (attachment: Attachment, lease: LeaseImpl): void => {
  if (attachment.lease === lease) attachment.lease = undefined
  else attachment.others?.delete(lease)
}

export const carried = ({ lease, others }: Attachment): ReadonlyArray<LeaseImpl> => [
  ...(lease === undefined ? [] : [lease]),
  ...(others ?? [])
]

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
    lease: undefined,
    others: undefined
  }
}

export const attachmentOf = (entry: Entry): Attachment => entry.attachment as Attachment
