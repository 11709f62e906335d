/**
 * A language for telling what happens between requests and connections: start a request, expect a dial, finish the
 * dial, expect this connection to serve that request. One statement a line, no sleeping, no waiting for luck: every
 * expectation first lets everything run until nothing can go on by itself, and then looks.
 *
 * @since 0.1.0
 */
import type { ConnectionFacts } from "@hotaru/pool/Connection"
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { DialFailure, FakeDial } from "./FakeNetwork.js"
import { FakeNetwork } from "./FakeNetwork.js"
import type { FakeSocket } from "./FakeSocket.js"
import { makeStory } from "./internal/story.js"
import type { WireRequest } from "./Wire.js"

export {
  /**
   * A statement of a story was not true. The message holds the statement, what was found, and the story so far. A
   * defect: a test does not recover from it.
   *
   * @since 0.1.0
   * @category errors
   */
  StoryFailed
} from "./internal/storyFailed.js"

/**
 * Something that was started, under its name in the story.
 *
 * @since 0.1.0
 * @category models
 */
export interface Part<A = unknown, E = unknown> {
  readonly name: string
  /** How it ended; undefined while it has not. */
  readonly exit: Exit.Exit<A, E> | undefined
}

/**
 * Where a name will do, the part that `start` answered will do too, and keeps its types.
 *
 * @since 0.1.0
 * @category models
 */
export interface Story {
  /** Starts an effect in a fiber of its own, and lets it run until it waits. */
  start<A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<Part<A, E>, never, R>
  /** Interrupts a part, and waits until it has ended. */
  interrupt(part: string | Part): Effect.Effect<void>
  /** Moves the clock. */
  advance(duration: Duration.DurationInput): Effect.Effect<void>
  /** Runs one turn of the event loop; only a network with `manualTurns` needs it. */
  readonly poll: Effect.Effect<void>
  /** Lets everything run until nothing can go on by itself. */
  readonly settle: Effect.Effect<void>
  /** A remark, for the transcript. */
  note(text: string): Effect.Effect<void>

  /** A dial has begun that no `expectDial` has taken yet: the oldest one. If a key is given, it must be to it. */
  expectDial(key?: ConnectionKey): Effect.Effect<FakeDial>
  /** No dial has begun but those taken. */
  readonly expectNoDial: Effect.Effect<void>
  /** The dial's client has given up. */
  expectDialInterrupted(dial: FakeDial): Effect.Effect<void>
  /** The dial opens a connection. */
  dialSucceeds(dial: FakeDial, facts?: ConnectionFacts): Effect.Effect<FakeSocket>
  dialFails(dial: FakeDial, failure?: DialFailure): Effect.Effect<void>

  /** The parts have not ended. */
  expectWaiting(...parts: ReadonlyArray<string | Part>): Effect.Effect<void>
  /** The part has succeeded; answers its value. */
  expectDone<A>(part: Part<A>): Effect.Effect<A>
  expectDone(part: string): Effect.Effect<unknown>
  /** The part has failed, with an error of this tag if one is given; answers the error. */
  expectFailed<E>(part: Part<unknown, E>, tag?: string): Effect.Effect<E>
  expectFailed(part: string, tag?: string): Effect.Effect<unknown>
  /** The part was interrupted. */
  expectInterrupted(part: string | Part): Effect.Effect<void>
  /** The part has succeeded with a lease of this connection, or with the connection itself; answers that value. */
  expectServes<A>(socket: FakeSocket, part: Part<A>): Effect.Effect<A>
  expectServes(socket: FakeSocket, part: string): Effect.Effect<unknown>

  /** A complete request has reached the server on this connection, for this target if one is given; takes and answers it. */
  expectRequest(socket: FakeSocket, target?: string): Effect.Effect<WireRequest>
  /** Nothing has reached the server but what was taken. */
  expectNothingWritten(socket: FakeSocket): Effect.Effect<void>
  /** The client has not destroyed these connections. */
  expectOpen(...sockets: ReadonlyArray<FakeSocket>): Effect.Effect<void>
  /** The client has destroyed the connection, for this reason if one is given. */
  expectClosed(socket: FakeSocket, reason?: string): Effect.Effect<void>

  /** What was said so far, a line a statement. */
  readonly transcript: ReadonlyArray<string>
}

/**
 * A story on the fake network. Its parts end with the fiber that told it.
 *
 * @example
 * ```ts
 * import { ConnectionKey, ConnectionPool } from "@hotaru/pool"
 * import { Story } from "@hotaru/testing"
 * import { Effect } from "effect"
 *
 * const key = ConnectionKey.make({ host: "api.example.com", port: 443, useTls: true })
 *
 * const story = Effect.gen(function*() {
 *   const pool = yield* ConnectionPool.ConnectionPool
 *   const story = yield* Story.make
 *   const a = yield* story.start("a", pool.lease(key))
 *   const dial = yield* story.expectDial(key)
 *   yield* story.expectWaiting("a")
 *   const first = yield* story.dialSucceeds(dial)
 *   yield* story.expectServes(first, a)
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Story, never, FakeNetwork> = Effect.map(FakeNetwork, makeStory)
