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
 * Bytes kept per identity. A session is about a kilobyte, but up to ten (Node's limit), because the peer chooses how
 * long its tickets and its certificate are, which is in each: 256 places of 16 would hold 40 MiB.
 */
export const mostBytes = 4 * 1024 * 1024

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
  private held = 0

  /** How much all sessions kept are together. */
  get bytes(): number {
    return this.held
  }

  add(place: string, session: TlsSession): void {
    const kept = this.places.get(place) ?? []
    this.places.delete(place)
    this.places.set(place, kept)
    if (!session.once) while (kept.length > 0) this.forget(kept.shift())
    kept.push(session)
    this.held += session.data.byteLength
    if (kept.length > perPlace) this.forget(kept.shift())
    for (const oldest of this.places.keys()) {
      if (this.places.size <= capacity && this.held <= mostBytes) break
      this.drop(oldest)
    }
  }

  /** The newest session that may be used, which is then used up if it serves once. */
  take(place: string, now: number): TlsSession | undefined {
    const kept = this.places.get(place)
    if (kept === undefined) return undefined
    while (kept.length > 0) {
      const session = kept[kept.length - 1]
      if (session !== undefined && now - session.verifiedAt < trust) {
        if (session.once) this.forget(kept.pop())
        return session
      }
      this.forget(kept.pop())
    }
    this.places.delete(place)
    return undefined
  }

  /** A handshake with this place failed: nothing that was agreed with it counts any more. */
  drop(place: string): void {
    for (const session of this.places.get(place) ?? []) this.forget(session)
    this.places.delete(place)
  }

  private forget(session: TlsSession | undefined): void {
    this.held -= session?.data.byteLength ?? 0
  }
}
