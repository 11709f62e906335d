/**
 * Sends a body that comes as a stream: a chunk is pulled, written, and the next one waits until the connection takes
 * more. It runs in a fiber of its own, because the answer may come first.
 *
 * @internal
 */

import * as RequestEncoder from "@hotaru/http1/RequestEncoder"
import type { AsyncContext, AsyncContextsShape } from "@hotaru/pool/AsyncContexts"
import type { Deadline, Deadlines } from "@hotaru/pool/Deadlines"
import * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import { joined } from "./bytes.js"

/** What an upload asks of its exchange. */
export interface UploadSink {
  readonly deadlines: Deadlines
  readonly contexts: AsyncContextsShape
  /** The producer is the caller's, and runs in the caller's context. */
  readonly context: AsyncContext
  /** Whether more may be written at once. */
  write(data: string | Uint8Array): boolean
  /**
   * Everything was given to the connection.
   * @param taken whether the connection holds nothing of it back.
   */
  uploaded(taken: boolean): void
  uploadFailed(cause: unknown): void
  /** The stream gave more or fewer bytes than announced. */
  uploadMismatch(announced: number, given: number): void
  /** The connection took nothing within `bodyTimeout`. */
  stalled(): void
}

export class Upload {
  private fiber: Fiber.RuntimeFiber<void, unknown> | undefined = undefined
  private given = 0
  private stopped = false
  /** Whether the connection holds back what it was given. A drain may come before the fiber listens for it. */
  private full = false
  private drained: (() => void) | undefined = undefined
  private timer: Deadline | undefined = undefined

  constructor(
    private readonly sink: UploadSink,
    private readonly stream: Stream.Stream<Uint8Array, unknown>,
    /** As announced in the head; without it the body goes in chunks. */
    private readonly length: number | undefined,
    private readonly bodyTimeout: number
  ) {}

  start(runtime: Runtime.Runtime<never>): void {
    const producer = Stream.runForEachChunk(this.stream, (chunk) => this.send(chunk))
    const { context, contexts } = this.sink
    this.fiber = contexts.root.run((producer) => context.run(Runtime.runFork(runtime), producer), producer)
    this.fiber.addObserver((exit) => this.ended(exit))
  }

  /** No more is sent; the producer is interrupted. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.progress()
    if (this.fiber !== undefined) this.sink.context.run(interrupt, this.fiber)
  }

  onDrain(): void {
    this.full = false
    const drained = this.drained
    if (drained === undefined) return
    this.progress()
    drained()
  }

  private send(chunk: Chunk.Chunk<Uint8Array>): Effect.Effect<void> {
    for (const piece of chunk) {
      // Until the interruption comes. `Effect.never` would hold a timer, which an interruption at the wrong moment leaves.
      if (this.stopped) return Effect.async<void>(() => {})
      if (piece.length === 0) continue
      // Before the write, which may find within the call that everything was taken.
      this.full = true
      if (this.piece(piece)) this.full = false
    }
    if (!this.full || this.stopped) return Effect.void
    return Effect.async<void>((resume) => {
      // The fiber may have yielded between looking and listening. Once stopped, it waits for its interruption.
      if (this.stopped) return
      if (!this.full) return resume(Exit.void)
      const context = this.sink.contexts.capture()
      this.drained = () => context.run(resume, Exit.void)
      if (this.bodyTimeout !== Infinity)
        this.timer = this.sink.deadlines.set(this.bodyTimeout, () => this.sink.stalled())
    })
  }

  private piece(bytes: Uint8Array): boolean {
    this.given += bytes.length
    if (this.length !== undefined) {
      if (this.given > this.length) {
        this.sink.uploadMismatch(this.length, this.given)
        return true
      }
      return this.sink.write(bytes)
    }
    const head = RequestEncoder.chunkHead(bytes.length)
    const one = joined(head, bytes, RequestEncoder.chunkEnd)
    if (one !== undefined) return this.sink.write(one)
    this.sink.write(head)
    this.sink.write(bytes)
    return this.sink.write(RequestEncoder.chunkEnd)
  }

  private ended(exit: Exit.Exit<void, unknown>): void {
    if (this.stopped) return
    if (Exit.isFailure(exit)) {
      this.stopped = true
      return this.sink.uploadFailed(Cause.squash(exit.cause))
    }
    if (this.length !== undefined && this.given !== this.length)
      return this.sink.uploadMismatch(this.length, this.given)
    const taken = this.length !== undefined || this.sink.write(RequestEncoder.lastChunk)
    this.stopped = true
    this.sink.uploaded(taken)
  }

  private progress(): void {
    this.drained = undefined
    this.timer?.clear()
    this.timer = undefined
  }
}

const interrupt = (fiber: Fiber.RuntimeFiber<unknown, unknown>): void => fiber.unsafeInterruptAsFork(FiberId.none)
