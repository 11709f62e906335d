/** A receiver that remembers everything and lets a test wait for it, without a clock. */
import type { Connection } from "@hotaru/pool"
import { Effect } from "effect"

export class Recorder {
  readonly events: Array<string> = []
  readonly chunks: Array<Uint8Array> = []
  readonly openAtEvent: Array<boolean> = []
  readonly causes: Array<unknown> = []
  private readonly waiting = new Set<() => void>()
  /** Called first for each chunk, while it is borrowed. */
  onChunk: (bytes: Uint8Array) => void = () => {}

  constructor(readonly connection: Connection.Connection) {}

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1")
  }

  get length(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  onBytes(bytes: Uint8Array): void {
    this.onChunk(bytes)
    this.chunks.push(this.connection.keep(bytes))
    this.happened("bytes")
  }

  onEnd(kind: Connection.EndKind): void {
    this.happened(`end:${kind}`)
  }

  onError(cause: unknown): void {
    this.causes.push(cause)
    this.happened("error")
  }

  onDrain(): void {
    this.happened("drain")
  }

  until(holds: (recorder: Recorder) => boolean): Effect.Effect<void> {
    return Effect.async((resume) => {
      const look = () => {
        if (!holds(this)) return
        this.waiting.delete(look)
        resume(Effect.void)
      }
      this.waiting.add(look)
      look()
      return Effect.sync(() => this.waiting.delete(look))
    })
  }

  saw(event: string): Effect.Effect<void> {
    return this.until(({ events }) => events.includes(event))
  }

  protected happened(event: string): void {
    this.events.push(event)
    this.openAtEvent.push(this.connection.isOpen)
    for (const look of [...this.waiting]) look()
  }
}

/** Is told of write errors apart, as a client that wants to save early answers is. */
export class PatientRecorder extends Recorder {
  onWriteError(cause: unknown): void {
    this.causes.push(cause)
    this.happened("writeError")
  }
}

export const record = (connection: Connection.Connection): Recorder => {
  const recorder = new Recorder(connection)
  connection.receiver = recorder
  return recorder
}
