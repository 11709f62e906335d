/** The pool's events as lines of the trace. Identities differ from run to run, so they are left out. */
import type { PoolEvent } from "@hotaru/pool/PoolEvent"

/** Undefined: the trace knows of it already. */
export const describe = (event: PoolEvent): string | undefined => {
  switch (event._tag) {
    case "Acquired":
    case "Queued":
    case "WaiterLeft":
    case "Refused":
    case "WaiterTimedOut":
    case "OpenStarted":
    case "Opened":
      return undefined
    case "Retired":
      return `pool: a connection to ${event.key} retired after ${event.requests} requests: ${event.reason}`
    case "OpenFailed":
      return `pool: a dial to ${event.key} failed: ${event.error._tag}`
    case "Distrusted":
      return `pool: ${event.count} connections to ${event.key} distrusted`
    case "IdleCeilingLearned":
      return `pool: ${event.key} keeps idle connections for ${event.ceiling} ms`
    default:
      return "key" in event ? `pool: ${event._tag}, ${event.key}` : `pool: ${event._tag}`
  }
}
