/** Counts what became of requests. It must not grow with their number: whatever is kept is bounded. */
import { isOnce, type Operation } from "./Operation.js"
import type { Verdict } from "./Verdict.js"

/** Of many that are wrong, so many are told. */
const told = 20

/** Claims that are checked; the first so many. */
const mostClaims = 20_000

export class Tally {
  done = 0
  right = 0
  cutShort = 0
  givenUp = 0
  failed = 0
  wrong = 0
  /** Bytes of content given to the client and asked of the server, where it was all exchanged. */
  bytes = 0
  readonly errors = new Map<string, number>()
  readonly kinds = new Map<string, number>()
  readonly wrongs: Array<string> = []
  /** Requests that must not be carried out twice and failed with an error that says: not carried out at all. */
  readonly claims: Array<number> = []

  add(operation: Operation, verdict: Verdict): void {
    this.done++
    this.count(this.kinds, operation.method)
    if (operation.upload.startsWith("stream")) this.count(this.kinds, "streamed up")
    if (operation.reading !== "at once") this.count(this.kinds, "streamed down")
    if (operation.framing !== "length")
      this.count(this.kinds, operation.framing === "chunked" ? "chunked" : "close-delimited")
    if (operation.secure) this.count(this.kinds, "TLS")
    if (operation.fate !== "whole") this.count(this.kinds, operation.fate)
    switch (verdict._tag) {
      case "Right":
        this.right++
        this.bytes += operation.sent + (operation.method === "HEAD" ? 0 : operation.asked)
        break
      case "CutShort":
        this.cutShort++
        break
      case "GivenUp":
        this.givenUp++
        break
      case "Failed":
        this.failed++
        this.count(this.errors, verdict.name)
        if (verdict.safe && isOnce(operation) && this.claims.length < mostClaims) this.claims.push(operation.id)
        break
      case "Wrong":
        this.wrong++
        if (this.wrongs.length < told) this.wrongs.push(`${JSON.stringify(operation)}: ${verdict.what}`)
    }
  }

  private count(counts: Map<string, number>, name: string): void {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
}
