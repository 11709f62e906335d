/**
 * Answers that no reader has begun to read, on offer to the pool: while requests wait for which there is no place, or
 * something drains, those longest unread give their connections back.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import type { ReclaimReason } from "../Lease.js"
import * as PoolEvent from "../PoolEvent.js"
import { type Linked, LinkedList } from "./list.js"
import type { Commands, Entry, HostRecord, PoolState } from "./model.js"

/** Sooner it cannot be told that an answer will not be read. Milliseconds. */
export const unreadFor = 1000

/**
 * The same while the pool drains: whatever holds an answer and has not begun to read it holds up the end of the program.
 * It must be long enough for a program that does something else between the head of an answer and its body. Milliseconds.
 */
export const unreadForAtDrain = 100

/** How long an answer must have been unread before its connection is taken back. */
export const patience = (state: PoolState): number => (state.takesRequests ? unreadFor : unreadForAtDrain)

/** A link in two lists needs two pairs of links; the second pair is this one. */
export class OfferLink implements Linked<OfferLink> {
  previous: OfferLink | undefined = undefined
  next: OfferLink | undefined = undefined
  constructor(readonly offer: Offer) {}
}

/** A lease that may be taken back. */
export class Offer implements Linked<Offer> {
  previous: Offer | undefined = undefined
  next: Offer | undefined = undefined
  readonly link: OfferLink = new OfferLink(this)
  /** Whether it is on offer still. */
  standing = false
  /** Whether it was taken up and the lease has not ended yet. */
  reclaiming = false
  constructor(
    readonly entry: Entry,
    readonly since: number,
    readonly reclaim: (reason: ReclaimReason) => void
  ) {}
}

export const make = (state: PoolState, offer: Offer): void => {
  offer.standing = true
  offer.entry.host.offers.append(offer)
  state.offers.append(offer.link)
}

export const withdraw = (state: PoolState, offer: Offer): void => {
  if (!offer.standing) return
  offer.standing = false
  offer.entry.host.offers.remove(offer)
  state.offers.remove(offer.link)
}

/** The lease has ended. */
export const end = (state: PoolState, offer: Offer): void => {
  withdraw(state, offer)
  if (!offer.reclaiming) return
  offer.reclaiming = false
  offer.entry.host.reclaiming--
  state.reclaiming--
}

/**
 * Takes up what is due for the requests that wait without hope of a place. Answers when the next will be due for them,
 * infinite if nobody waits so or nothing is on offer. While nothing is due at all it does not look who waits, and answers
 * when the first will be.
 */
export const takeUp = (state: PoolState, hosts: Iterable<HostRecord>, now: number, out: Commands): number => {
  const oldest = state.offers.head?.offer
  if (oldest === undefined) return Infinity
  const least = patience(state)
  // Nothing is due yet, for whomever.
  if (now - oldest.since < least) return oldest.since + least
  let next = Infinity
  for (const host of hosts) {
    if (state.offers.size === 0) break
    // Whoever waits could not be served.
    if (state.phase === "Suspended" && !isDraining(state, host)) continue
    const list = offersFor(state, host)
    const coming = list === state.offers ? state.reclaiming : host.reclaiming
    let needed = isDraining(state, host) ? list.size : host.waiting - host.dials.size - coming
    for (; needed > 0 && list.head !== undefined; needed--) {
      const offer = list.head instanceof Offer ? list.head : list.head.offer
      if (now - offer.since < least) {
        next = Math.min(next, offer.since + least)
        break
      }
      take(state, offer, reasonOf(state, host), now, out)
    }
  }
  return next
}

/** Whose places would help the host: its own where its own limit binds, anybody's where the total does. */
const offersFor = (state: PoolState, host: HostRecord): LinkedList<Offer> | LinkedList<OfferLink> => {
  if (isDraining(state, host) || host.places >= host.settings.maxConnections) return host.offers
  if (state.open + state.opening >= state.settings.maxConnections) return state.offers
  // With dials under way more will follow; without any, the requests wait for what is open.
  return host.dials.size > 0 ? none : host.offers
}

const isDraining = (state: PoolState, host: HostRecord): boolean => !state.takesRequests || host.draining > 0

const reasonOf = (state: PoolState, host: HostRecord): ReclaimReason => {
  if (!state.takesRequests) return "PoolDraining"
  return host.draining > 0 ? "HostDraining" : "Waiting"
}

const none = new LinkedList<Offer>()

const take = (state: PoolState, offer: Offer, reason: ReclaimReason, now: number, out: Commands): void => {
  withdraw(state, offer)
  offer.reclaiming = true
  const { connection, host } = offer.entry
  host.reclaiming++
  state.reclaiming++
  state.reclaimed++
  out.push({ _tag: "Reclaim", offer, reason })
  if (!state.observed) return
  const unread = now - offer.since
  const event = PoolEvent.Reclaimed({ at: now, key: host.key, connectionId: connection.id, unread })
  out.push({ _tag: "Emit", event })
}
