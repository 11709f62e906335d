/**
 * What a request in line may hope for beside a dial: a connection that must come back. A lease is *bound* while its
 * holder has said that it ends by itself before long; a stream may last for ever.
 *
 * Part of the decision core: changes records; no I/O, no clock.
 */
import { type Linked, LinkedList } from "./list.js"
import type { Entry, HostRecord } from "./model.js"

/**
 * A host that still holds connections which may never come back was there a while ago. Requests to it outlive failed
 * dials for so long, as a server that starts anew is away for a moment. Milliseconds.
 */
export const graceFor = 500

/** A lease that may last for ever, by its holder's word. */
export class Streaming implements Linked<Streaming> {
  previous: Streaming | undefined = undefined
  next: Streaming | undefined = undefined
  constructor(
    readonly host: HostRecord,
    readonly since: number
  ) {}
}

/** A lease, as far as it says how long it may last. */
export interface Lasting {
  readonly entry: Entry
  bound: boolean
  streaming: Streaming | undefined
}

/** The holder of a lease that has not ended says whether it may last for ever. */
export const mayLast = (lease: Lasting, mayLast: boolean, now: number): void => {
  const { entry } = lease
  if (lease.bound === mayLast) (mayLast ? unbind : bind)(entry)
  lease.bound = !mayLast
  if (!mayLast) return endStream(lease)
  if (lease.streaming !== undefined) return
  lease.streaming = new Streaming(entry.host, now)
  entry.host.streams ??= new LinkedList()
  entry.host.streams.append(lease.streaming)
}

/** The lease has ended, or is bound to. */
export const endStream = (lease: Lasting): void => {
  const { streaming } = lease
  if (streaming === undefined) return
  lease.streaming = undefined
  streaming.host.streams?.remove(streaming)
}

/** One of the entry's leases is bound to end from here on. */
export const bind = (entry: Entry): void => {
  entry.bound++
  entry.host.bound++
}

/** One of the entry's leases is not bound to end any more, or has ended. */
export const unbind = (entry: Entry): void => {
  entry.bound--
  entry.host.bound--
}

/** The connection ends, and all of its leases with it. */
export const unbindAll = (entry: Entry): void => {
  entry.host.bound -= entry.bound
  entry.bound = 0
}

/**
 * Whether a connection of the host must come back: `Bound`, if a lease is or the pool can ask for it; `Perhaps`, if it
 * has any; `None` otherwise.
 */
export const hopeOf = (host: HostRecord): "Bound" | "Perhaps" | "None" => {
  if (host.bound > 0 || host.offers.size > 0 || host.reclaiming > 0) return "Bound"
  return host.entries.size > 0 ? "Perhaps" : "None"
}
