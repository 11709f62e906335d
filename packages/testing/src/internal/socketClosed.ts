import * as Data from "effect/Data"

/**
 * What was waited for on a socket cannot come any more: the client has closed it.
 *
 * @since 0.1.0
 * @category errors
 */
export class FakeSocketClosed extends Data.TaggedError("FakeSocketClosed")<{
  /** Why the client closed it. */
  readonly reason: string
  /** What was waited for. */
  readonly awaited: string
}> {
  override get message(): string {
    return `The client closed the connection (${this.reason}) while ${this.awaited} was waited for`
  }
}
