/**
 * What would become of a request made in this very step, found out without making one.
 */
import type { ConnectionKey } from "../ConnectionKey.js"
import type { PendingLimitReached } from "../PoolError.js"
import type { Interpreter } from "./interpreter.js"
import * as Leasing from "./leasing.js"

/** Whether it is granted in it and may be written on, unless what it would be granted has become stale. */
export const seemsReady = (pool: Interpreter, key: ConnectionKey): boolean => {
  const host = pool.hosts.find(key)
  return host !== undefined && !pool.executing && Leasing.seemsReady(pool.state, host)
}

/** What it is refused with, and has been by this; nothing, if asking would be worth it. */
export const refusal = (pool: Interpreter, key: ConnectionKey): PendingLimitReached | undefined => {
  const host = pool.hosts.find(key)
  if (host === undefined || pool.executing || !Leasing.isHopeless(pool.state, host)) return undefined
  return pool.decide((now, out) => Leasing.refuseAtOnce(pool.state, host, now, out))
}
