/** Answers that nobody has begun to read, on offer to the pool: since when, and which it has asked back. */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { Lease } from "@hotaru/pool/Lease"
import * as Equal from "effect/Equal"

interface Offer {
  readonly since: number
  wantedBack: boolean
}

export class Offers {
  private readonly offers = new Map<Lease, Offer>()

  constructor(private readonly now: () => number) {}

  /** Sees to it that what is done with the lease's offers is known here. */
  follow(lease: Lease): void {
    const offer = lease.offer.bind(lease)
    lease.offer = (reclaim) => {
      if (reclaim === undefined) {
        this.offers.delete(lease)
        return offer(undefined)
      }
      const made: Offer = { since: this.now(), wantedBack: false }
      this.offers.set(lease, made)
      offer((reason) => {
        made.wantedBack = true
        reclaim(reason)
      })
    }
  }

  /** How many are on offer for longer than `millis`, to one host or to all. */
  overdue(millis: number, key?: ConnectionKey): number {
    return this.count(
      (offer, lease) =>
        !offer.wantedBack && this.now() - offer.since > millis && (key === undefined || Equal.equals(lease.key, key))
    )
  }

  /** How many are on their way back. */
  get comingBack(): number {
    return this.count((offer) => offer.wantedBack)
  }

  private count(counts: (offer: Offer, lease: Lease) => boolean): number {
    let count = 0
    for (const [lease, offer] of this.offers) {
      if (lease.settled || !lease.connection.isOpen) this.offers.delete(lease)
      else if (counts(offer, lease)) count++
    }
    return count
  }
}
