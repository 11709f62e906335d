/** The terms of the matrix. */
import type { ResolverShape } from "@hotaru/node/Resolver"
import type { Fault, Script, Step } from "../proxy/Fault.js"

/** When a fault strikes: at the look-up, while the connection is made, or at a place of the exchange. */
export const phases = ["dns", "tcp", "tls", "send", "wait", "head", "body", "idle"] as const
export type Phase = (typeof phases)[number]

export const kinds = [
  "delay",
  "throttle",
  "refuse",
  "cut",
  "half-close",
  "reset",
  "corrupt",
  "blackhole",
  "impostor"
] as const
export type Kind = (typeof kinds)[number]

/** What is sent. The first and the last may be sent again by themselves, the others only if nothing of them was written (RFC 9110 section 9.2.2). */
export const methods = ["GET", "POST", "PUT", "POST, stream", "POST, key"] as const
export type Method = (typeof methods)[number]

/** Whether the connection is new, or has carried a request before. */
export type State = "new" | "kept"

/** Where the client's connections lead. */
export type Far = "server" | "closed port" | "unanswering port" | "other certificate" | "old TLS"

/** How a row is played. */
export interface Scene {
  readonly secure: boolean
  readonly path: "/plain" | "/chunked" | "/long"
  /** Pieces of 16 KiB that a streamed content has. */
  readonly pieces: number
  readonly far: Far
  readonly resolver: ResolverShape
  /** Of the first connection. */
  readonly script: Script
  /** Of the ones after it. */
  readonly later: Script
  /** Armed on the connection that has carried a request. */
  readonly armed: ReadonlyArray<Step>
  /** Strikes the connection while it is idle. */
  readonly struck: Fault | undefined
  /** Whether time is to pass: nothing else ends the wait. */
  readonly hangs: boolean
}

export interface Impossible {
  readonly impossible: string
}

export interface Row {
  readonly phase: Phase
  readonly kind: Kind
  /** What tells rows of one kind apart. */
  readonly variant: string | undefined
  readonly state: State
  /** A scene for each method, or why there is none. */
  readonly scene: (method: Method) => Scene | Impossible
}

/** What became of a request. */
export interface Outcome {
  /** The answer's status, or the error's tag. */
  readonly result: number | string
  /** Where and whose: phase, limit and fault, as far as the error has them. */
  readonly details: ReadonlyArray<string>
  /** Whether sending it again is safe, as the error has it. */
  readonly safe: boolean
  /** How often the client sent it again by itself. */
  readonly retries: number
  /** How often its head reached the server. */
  readonly seen: number
  /** How often it reached the server whole. */
  readonly whole: number
  /** What did not balance afterwards. */
  readonly unbalanced: ReadonlyArray<string>
}

export interface Played {
  readonly row: Row
  readonly outcomes: ReadonlyMap<Method, Outcome | Impossible>
}
