/**
 * What a process can still open, as its own failures tell: descriptors, buffers and local ports are used up where nobody
 * set a limit. The number that was open when a dial failed so is a limit for the time being.
 *
 * Part of the decision core: time comes in as a value.
 */
import type { DialError } from "../PoolError.js"

/** Waits before one more than that is tried: doubled with each failure, within these. Milliseconds. */
export const leastProbe = 25
export const longestProbe = 1000

/** Successes in a row after which nothing is left of the limit. */
const recovered = 7

/** What a process has run out of, as the connector's code says. */
const scarce: { readonly [code: string]: "Process" | "Host" } = {
  EMFILE: "Process",
  ENFILE: "Process",
  ENOBUFS: "Process",
  ENOMEM: "Process",
  // Ports are counted for each destination.
  EADDRNOTAVAIL: "Host",
  EADDRINUSE: "Host"
}

/** What ran out, for the whole process or for the host alone; undefined if the failure says nothing of the kind. */
export const scarcityOf = (error: DialError): "Process" | "Host" | undefined =>
  error._tag === "ConnectError" && error.local && error.code !== undefined ? scarce[error.code] : undefined

/** Connections and dials are both *held*: each has its descriptor and its port. */
export class Strain {
  /** So many could be held when the last dial failed, or since; infinite while nothing has run out. */
  private limit = Infinity
  /** So many beyond them may be tried at once. */
  private extra = 0
  /** When one more may be tried where none may at once. */
  private probeAt = 0
  private wait = 0
  /** Dials begun before this one tell nothing new. */
  private latest = 0
  private successes = 0

  /** Whether anything has run out. */
  get isFelt(): boolean {
    return this.limit !== Infinity
  }

  /** A dial found nothing left. `begun`: dials begun so far; `held`: without this one. */
  failed(dial: number, begun: number, held: number, now: number): void {
    this.limit = held
    this.extra = 0
    this.successes = 0
    if (dial <= this.latest) return
    this.wait = Math.min(Math.max(this.wait * 2, leastProbe), longestProbe)
    this.probeAt = now + this.wait
    this.latest = begun
  }

  /** A dial has opened a connection. `held`: with it. Each success beyond the limit allows twice as many more tries. */
  opened(dial: number, held: number): void {
    // One that takes the place of a connection which has ended tells nothing of more.
    if (dial <= this.latest || held <= this.limit) return
    this.wait = 0
    this.limit = ++this.successes > recovered ? Infinity : held
    this.extra = 2 ** (this.successes - 1)
  }

  /** When another dial may begin while so many are held: minus infinity for now, infinity when the try under way has ended. */
  dialAt(held: number): number {
    const beyond = held - this.limit - this.extra
    if (beyond < 0) return -Infinity
    return beyond === 0 && this.extra === 0 ? this.probeAt : Infinity
  }
}
