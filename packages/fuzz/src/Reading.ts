/** What a reader made of a case, in terms that all readers share. */

export interface ReadHead {
  readonly status: number
  /** `undefined` where a reader does not tell. */
  readonly reason: string | undefined
  /** `undefined` where a reader does not tell. */
  readonly version: string | undefined
  /** Name, value, name, value, ... as sent. */
  readonly rawHeaders: ReadonlyArray<string>
}

/**
 * - `complete`: the final answer's last byte has been read.
 * - `waiting`: more bytes are expected.
 * - `refused`: an error, or an answer that was given up.
 */
export type State = "complete" | "waiting" | "refused"

export interface Refusal {
  /** The index of the byte at which the reader gave up, if it can tell; else the number of bytes. */
  readonly at: number
  /** The reader's own code for it. */
  readonly code: string
  readonly why: string
}

export interface Reading {
  readonly interim: ReadonlyArray<ReadHead>
  readonly head: ReadHead | undefined
  readonly body: string
  readonly trailers: ReadonlyArray<string>
  /** Once all bytes are read, while the connection is open. */
  readonly open: State
  /** Once the peer has ended it with a FIN. */
  readonly closed: Exclude<State, "waiting">
  /** The index behind the answer's last byte, if it was complete while the connection was open. */
  readonly end: number | undefined
  /** Whether another request may follow on the connection, by what the answer says. `undefined`: not told. */
  readonly keep: boolean | undefined
  readonly refusal: Refusal | undefined
}
