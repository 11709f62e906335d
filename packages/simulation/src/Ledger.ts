/** What the servers saw: which request arrived how often, on which connection. */
import type { Trace } from "./Trace.js"

export interface Sighting {
  /** How often its head arrived. */
  heads: number
  /** How often it was answered so that the client asks again without having carried it out. */
  sentBack: number
  readonly connections: Array<number>
}

export class Ledger {
  readonly requests = new Map<string, Sighting>()
  /** Connections on which bytes were sent that are no part of a proper answer. */
  readonly lying = new Set<number>()

  constructor(private readonly trace: Trace) {}

  /** A request has arrived. `most`: how often it may. */
  arrived(id: string, most: number, connection: number): Sighting {
    const seen = this.requests.get(id) ?? { heads: 0, sentBack: 0, connections: [] }
    this.requests.set(id, seen)
    seen.heads++
    seen.connections.push(connection)
    if (seen.heads > most + seen.sentBack)
      this.trace.broken("sent once", `request ${id} reached the servers ${seen.heads} times, ${most} allowed`)
    return seen
  }

  liedTo(id: string): boolean {
    const seen = this.requests.get(id)
    return this.lying.size > 0 && (seen === undefined || seen.connections.some((number) => this.lying.has(number)))
  }
}
