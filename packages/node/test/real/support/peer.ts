/** What the tests ask of a real server, whichever it is. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Certificates } from "../../support/certificates.js"

/** What arrived at the upstream, by what each request calls itself. */
export interface Report {
  readonly connections: number
  readonly seen: Readonly<Record<string, number>>
  /** Answers kept back. */
  readonly held: number
}

/** Node's server, which answers in the end; see `fixtures/upstream.mjs`. */
export interface Upstream {
  readonly port: number
  readonly report: Effect.Effect<Report>
  /** Gives the answers to `/held/...` out. */
  readonly release: Effect.Effect<void>
}

/** How a server is set up. */
export interface Settings {
  /** The one it listens on: that of a server that was stopped. */
  readonly port?: number
  /** Requests on one connection. */
  readonly requests?: number
  /** Seconds for which it keeps an idle connection; 75 without it. */
  readonly idle?: number
  readonly tls?: TlsSettings
}

export interface TlsSettings {
  readonly certificates: Certificates
  /** The only version it speaks. */
  readonly version: "1.2" | "1.3"
  /** Whether it asks for a certificate of the authority's, and takes no request without one. */
  readonly client?: boolean
}

/** A server that runs. */
export interface Running {
  readonly upstream: Upstream
  readonly port: number
  readonly url: string
  /** Reads its configuration again, and answers when whoever was there before has gone. */
  readonly reload: Effect.Effect<void>
  /** Asks it to end in good order: to answer what it has begun with, and nothing else. */
  readonly beginStop: Effect.Effect<void>
  /** It has ended. */
  readonly stopped: Effect.Effect<void>
}

export interface Peer {
  readonly name: string
  readonly version: string | undefined
  readonly start: (settings: Settings) => Effect.Effect<Running, never, Scope.Scope>
}

export const urlOf = (port: number, tls: TlsSettings | undefined): string =>
  `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`
