/** What the two processes of a soak tell each other. */
import type { Fault } from "../proxy/Fault.js"

/** The far side is there. */
export interface Ready {
  readonly _tag: "Ready"
  /** Ports of the proxies. */
  readonly plain: number
  readonly secure: number
  /** The certificate that a client has to trust, PEM. */
  readonly ca: string
}

/** Asks for the findings. `unsent`: ids of requests that were called safe to send again, and must not have arrived. */
export interface Ask {
  readonly _tag: "Ask"
  readonly unsent: ReadonlyArray<number>
}

export interface Report {
  readonly _tag: "Report"
  readonly requests: number
  readonly connections: number
  /** Microseconds of CPU time since it began. */
  readonly cpu: number
  readonly struck: Readonly<Record<Fault["_tag"], number>>
  readonly wrong: ReadonlyArray<string>
  /** Of those asked for, the ones that have arrived. */
  readonly arrived: ReadonlyArray<number>
}
