/**
 * A host's addresses, as far as their silence is concerned: when one that carried answers says nothing at all any more
 * (a router lost its tables, a machine is gone), the connections that were idle meanwhile are as dead.
 *
 * Without bounds this would turn the impatience of users of a slow server into a storm of new connections.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import type { Settlement } from "../Lease.js"
import type { LeaseFacts } from "./lessons.js"
import type { Entry, HostRecord } from "./model.js"

export class Peer {
  /** Pieces of answers that have come from it, on whatever connection. */
  heard = 0
  /** Open connections to it. */
  connections = 0
  constructor(readonly address: string | undefined) {}
}

/** The address's record, for one more connection. */
export const joinPeer = (host: HostRecord, address: string | undefined): Peer => {
  let peer = host.peers.get(address)
  if (peer === undefined) {
    peer = new Peer(address)
    host.peers.set(address, peer)
  }
  peer.connections++
  return peer
}

export const leavePeer = (entry: Entry): void => {
  const { host, peer } = entry
  if (--peer.connections === 0) host.peers.delete(peer.address)
}

/**
 * Whether a lease's end says that the peer has fallen silent: nobody heard of it since the grant, on whatever
 * connection. It is then distrusted.
 */
export const fallsSilent = (entry: Entry, settlement: Settlement, lease: LeaseFacts, now: number): boolean => {
  if (settlement._tag !== "Broken" || settlement.silent !== true) return false
  const { peer } = entry
  if (!lease.reused || !lease.hasWritten || lease.hasRead || peer.heard !== lease.heardBefore) return false
  return entry.host.health.distrust(peer.address, now)
}
