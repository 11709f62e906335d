/**
 * What look-ups have said of hosts' addresses over time. No clock of its own.
 *
 * @internal
 */

/** Of how many answers, and how long apart. */
export interface Watching {
  /** Milliseconds between two look-ups of a host. */
  readonly refresh: number
  /** How many successive look-ups must have missed an address. */
  readonly absences: number
}

/** A look-up that is due, or under way. */
export interface Round {
  readonly host: string
  readonly startedAt: number
  over: boolean
}

interface Watched {
  /** When a connection to the host was last asked about. */
  askedAt: number
  /** When the last look-up began. */
  lookedUpAt: number | undefined
  /** From when on the next look-up is due. */
  dueAt: number
  round: Round | undefined
  /** How many look-ups in a row were given up. */
  hung: number
  addresses: ReadonlySet<string>
  /** When the last look-ups that gave just these addresses began; no more of them than have to agree. */
  agreed: Array<number>
}

/** A host whose look-ups hang is asked for ever less, down to one look-up in this many times `refresh`. */
const rarest = 16

/** A host is forgotten when nobody has asked about it for this many rounds. */
const forgetAfter = 4

export class AddressHistory {
  private readonly hosts = new Map<string, Watched>()
  private now = Number.NEGATIVE_INFINITY
  private sweptAt = Number.NEGATIVE_INFINITY
  /** How far apart a host's look-ups are: `refresh`, or more where it is asked about more seldom. Guessed, until seen. */
  private period: number

  constructor(private readonly watching: Watching) {
    this.period = 10 * watching.refresh
  }

  /** How many hosts are remembered. */
  get size(): number {
    return this.hosts.size
  }

  /** Somebody asks about a connection to the host: answers the look-up to wait for before judging. */
  asked(host: string, now: number): Round | undefined {
    // The clock went back: when anything was is unknown.
    if (now < this.now - this.watching.refresh) this.hosts.clear()
    this.now = now
    const watched = this.watched(host, now)
    watched.askedAt = now
    if (watched.round !== undefined) return watched.round
    if (now < watched.dueAt) return undefined
    if (watched.lookedUpAt !== undefined) this.period = now - watched.lookedUpAt
    this.sweep(now)
    watched.lookedUpAt = now
    watched.round = { host, startedAt: now, over: false }
    // A round of the cleanup that comes a little sooner than the last one did must not be lost.
    watched.dueAt = now + this.watching.refresh * 0.9
    return watched.round
  }

  /** The look-up has answered; an empty answer, like a failure, says nothing about anybody. */
  found(round: Round, addresses: ReadonlyArray<string>): void {
    const watched = this.end(round)
    if (watched === undefined) return
    watched.hung = 0
    if (addresses.length === 0) return
    const { absences } = this.watching
    const same =
      addresses.length === watched.addresses.size && addresses.every((address) => watched.addresses.has(address))
    if (!same) watched.addresses = new Set(addresses)
    watched.agreed = same ? [...watched.agreed, round.startedAt].slice(-absences) : [round.startedAt]
  }

  failed(round: Round): void {
    const watched = this.end(round)
    if (watched !== undefined) watched.hung = 0
  }

  /** There was no place for the look-up: the next to ask about the host tries again. */
  postponed(round: Round): void {
    const watched = this.end(round)
    if (watched !== undefined) watched.dueAt = round.startedAt
  }

  gaveUp(round: Round, now: number): void {
    const watched = this.end(round)
    if (watched === undefined) return
    watched.hung++
    watched.dueAt = now + this.watching.refresh * Math.min(rarest, 2 ** watched.hung)
  }

  /**
   * Whether a connection's address has left: as many look-ups as it takes, all begun after the connection was opened,
   * have given the same addresses, and not this one. Answers that differ each time are samples of a greater set, and
   * an address that is not in one of them may be as good as ever.
   */
  hasLeft(host: string, address: string, openedAt: number): boolean {
    const watched = this.hosts.get(host)
    if (watched === undefined || watched.addresses.has(address)) return false
    const first = watched.agreed[watched.agreed.length - this.watching.absences]
    return first !== undefined && first > openedAt
  }

  private end(round: Round): Watched | undefined {
    if (round.over) return undefined
    round.over = true
    const watched = this.hosts.get(round.host)
    if (watched?.round !== round) return undefined
    watched.round = undefined
    return watched
  }

  private watched(host: string, now: number): Watched {
    const known = this.hosts.get(host)
    if (known !== undefined) return known
    const fresh: Watched = {
      askedAt: now,
      lookedUpAt: undefined,
      dueAt: now,
      round: undefined,
      hung: 0,
      addresses: new Set(),
      agreed: []
    }
    this.hosts.set(host, fresh)
    return fresh
  }

  private sweep(now: number): void {
    if (now >= this.sweptAt && now - this.sweptAt < this.period) return
    this.sweptAt = now
    for (const [host, { askedAt, round }] of this.hosts) {
      if (round === undefined && now - askedAt > forgetAfter * this.period) this.hosts.delete(host)
    }
  }
}
