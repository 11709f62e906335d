/** A connection without a network: what a client writes goes nowhere, and the case's bytes come when it has written. */
import { Duplex } from "node:stream"

export class Wire extends Duplex {
  constructor(private readonly answer: Uint8Array) {
    super({ autoDestroy: true, emitClose: true })
    // A client may be done with the connection by the time it is destroyed with an error.
    this.on("error", () => undefined)
  }

  private answered = false
  private begin!: () => void
  /** Resolves when the client has written. */
  readonly asked = new Promise<void>((resolve) => {
    this.begin = resolve
  })

  override _read(): void {}

  override _write(_: unknown, __: unknown, done: () => void): void {
    done()
    if (this.answered) return
    this.answered = true
    if (this.answer.length > 0) this.push(this.answer)
    this.begin()
  }

  override _final(done: () => void): void {
    done()
  }

  /** The peer's FIN. */
  finish(): void {
    if (!this.destroyed && !this.readableEnded) this.push(null)
  }

  // What clients of a socket call, if it is there.
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}

/** Everything that is ready to run has run: streams hand over in microtasks and ticks, clients in an immediate or two. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await new Promise((resume) => setImmediate(resume))
}
