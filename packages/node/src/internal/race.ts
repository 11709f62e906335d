/**
 * RFC 8305: several addresses, in parallel but not all at once; the first connection wins.
 *
 * @internal
 */
import type { DialPlace } from "@hotaru/pool/Connector"
import type { EgressDenial } from "@hotaru/pool/PoolError"
import { Attempt, type Target } from "./attempt.js"
import { type AttemptFailure, inWords, mostShown } from "./dialErrors.js"
import type { SocketConnection } from "./socketConnection.js"

/** An address has this long for a sign of life before the next one is tried beside it. Milliseconds. */
export const attemptDelay = 250

/** Calls back after some milliseconds; answers how to have it not do so. */
export type Later = (run: () => void, millis: number) => () => void

export const onTimer: Later = (run, millis) => {
  const timer = setTimeout(run, millis)
  return () => clearTimeout(timer)
}

export interface RaceOwner {
  /** Synchronously, and once, unless the race was aborted. */
  onWon(connection: SocketConnection, denials: ReadonlyArray<EgressDenial>): void
  onLost(failures: ReadonlyArray<AttemptFailure>, denials: ReadonlyArray<EgressDenial>): void
  /** One address failed, whatever becomes of the race. */
  onFailure(failure: AttemptFailure): void
  /** One address has not given a sign of life in its time; it may yet. */
  onSilence(address: string): void
}

export class Race {
  private readonly running = new Set<Attempt>()
  private readonly failures: Array<AttemptFailure> = []
  private readonly denials: Array<EgressDenial> = []
  private next = 0
  private advancing = false
  private wanted = false
  private newest: Attempt | undefined
  private cancel: (() => void) | undefined
  private over = false

  constructor(
    private readonly targets: ReadonlyArray<Target>,
    private readonly dns: number,
    private readonly owner: RaceOwner,
    private readonly later: Later
  ) {}

  start(): void {
    this.advance()
  }

  /** Closes whatever is open, synchronously. */
  abort(): void {
    this.over = true
    this.cancel?.()
    for (const attempt of this.running) attempt.abort()
    this.running.clear()
  }

  /** What the attempts under way wait for; a failed one has said its own. */
  place(): DialPlace {
    const waits = [...this.running].map((attempt) => attempt.place())
    const tls = waits.find(({ phase }) => phase === "tls")
    const failed = this.failures.slice(0, 1).map((each) => `${each.address}: ${inWords(each)}`)
    const shown = waits.slice(0, mostShown).map(({ detail }) => detail)
    const more = waits.length > shown.length ? [`${waits.length - shown.length} more do the same`] : []
    return { phase: tls === undefined ? "tcp" : "tls", detail: [...shown, ...more, ...failed].join("; ") }
  }

  onProgress(): void {
    // A handshake is under way here: the next address waits another delay for it, or every distant server would be
    // dialled twice.
    this.schedule()
  }

  onOpened(attempt: Attempt, connection: SocketConnection): void {
    this.running.delete(attempt)
    this.abort()
    this.owner.onWon(connection, this.denials)
  }

  onFailed(attempt: Attempt, failure: AttemptFailure): void {
    this.running.delete(attempt)
    this.failures.push(failure)
    this.owner.onFailure(failure)
    this.moveOn()
  }

  onDenied(attempt: Attempt, denial: EgressDenial): void {
    this.running.delete(attempt)
    this.denials.push(denial)
    this.moveOn()
  }

  private moveOn(): void {
    if (this.next < this.targets.length) this.advance()
    else if (this.running.size === 0) {
      this.abort()
      this.owner.onLost(this.failures, this.denials)
    }
  }

  /** An attempt may end within the call that starts it, and whoever answers for a name says how many it has. */
  private advance(): void {
    this.wanted = true
    if (this.advancing) return
    this.advancing = true
    while (this.wanted) {
      this.wanted = false
      this.startNext()
    }
    this.advancing = false
  }

  private startNext(): void {
    const target = this.targets[this.next++]
    if (target === undefined || this.over) return
    const attempt = new Attempt(target, this.dns, this)
    this.running.add(attempt)
    this.newest = attempt
    this.schedule()
    attempt.start()
  }

  private schedule(): void {
    this.cancel?.()
    // With one address, or at the last one, there is nothing to wait for.
    this.cancel = this.next < this.targets.length ? this.later(this.onDelay, attemptDelay) : undefined
  }

  private readonly onDelay = (): void => {
    this.cancel = undefined
    // One that still waits for leave was not dialled: that says nothing about its address.
    if (this.newest?.isSilent === true) this.owner.onSilence(this.newest.address)
    this.advance()
  }
}
