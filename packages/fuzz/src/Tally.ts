/** Counts over many cases: what was tried, so that a fuzzer that tries nothing does not go unnoticed. */
import type { Verdict } from "./Compare.js"
import type { Reading } from "./Reading.js"

const add = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

export class Tally {
  cases = 0
  /** By what the codec and the peer made of a case, on an open connection. */
  readonly outcomes = new Map<string, number>()
  /** By name. */
  readonly differences = new Map<string, number>()
  /** Cases that went through a whole client, by its name. */
  readonly clients = new Map<string, number>()

  /** Requests that arrived as they were asked for, or were refused. */
  readonly requests = new Map<string, number>()

  add(ours: Reading, theirs: Reading, verdict: Verdict): void {
    this.cases++
    add(this.outcomes, `${ours.open}/${theirs.open}`)
    if (verdict._tag === "Explained") for (const name of new Set(verdict.names)) add(this.differences, name)
  }

  addClient(name: string, verdict: Verdict): void {
    add(this.clients, name)
    if (verdict._tag === "Explained") for (const difference of new Set(verdict.names)) add(this.differences, difference)
  }

  addRequest(problem: string | undefined): void {
    add(this.requests, problem ?? "as asked for")
  }
}
