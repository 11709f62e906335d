/**
 * TLS sessions to resume. A resumed session skips the checks of name and certificate, so a session is kept only from a
 * connection that passed them, and found again only under the same identity (this cache belongs to one), place and name.
 *
 * @internal
 */

/** Places remembered per identity; the one unused longest is forgotten first. */
const capacity = 256

/** Tickets kept per place: as many as parallel dials are likely to use before the next ones come. */
const perPlace = 16

/**
 * How long after a full handshake its sessions, and those of the connections resumed from them, may be used: the
 * certificate is not looked at meanwhile. Milliseconds.
 */
const trust = 3_600_000

export interface TlsSession {
  readonly data: Buffer
  /** When the certificate was last verified. */
  readonly verifiedAt: number
  /** A ticket of TLS 1.3 is used once (RFC 8446 appendix C.4): using it again would link the connections. */
  readonly once: boolean
}

export class TlsSessions {
  private readonly places = new Map<string, Array<TlsSession>>()

  add(place: string, session: TlsSession): void {
    const kept = this.places.get(place) ?? []
    this.places.delete(place)
    this.places.set(place, kept)
    if (session.once) {
      kept.push(session)
      if (kept.length > perPlace) kept.shift()
    } else {
      kept.length = 0
      kept.push(session)
    }
    for (const oldest of this.places.keys()) {
      if (this.places.size <= capacity) break
      this.places.delete(oldest)
    }
  }

  /** The newest session that may be used, which is then used up if it serves once. */
  take(place: string, now: number): TlsSession | undefined {
    const kept = this.places.get(place)
    if (kept === undefined) return undefined
    while (kept.length > 0) {
      const session = kept[kept.length - 1]
      if (session !== undefined && now - session.verifiedAt < trust) {
        if (session.once) kept.pop()
        return session
      }
      kept.pop()
    }
    this.places.delete(place)
    return undefined
  }

  /** A handshake with this place failed: nothing that was agreed with it counts any more. */
  drop(place: string): void {
    this.places.delete(place)
  }
}
