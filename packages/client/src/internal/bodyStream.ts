/**
 * Bodies piece by piece: as the platform's `stream`, and without a `Stream`.
 *
 * @internal
 */
import type { ResponseError } from "@effect/platform/HttpClientError"
import * as AsyncContexts from "@hotaru/pool/AsyncContexts"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { end, type Taken } from "./bodyContract.js"
import type { PooledResponse } from "./response.js"
import { responseError } from "./translate.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Waits until something lies ready, then takes all of it. The fast path takes it without waiting. */
const taken = (self: PooledResponse): Effect.Effect<Taken> =>
  Effect.suspend(() => {
    const now = self.body.take()
    if (now !== undefined) return Exit.succeed(now)
    return Effect.uninterruptibleMask((restore) => Effect.zipRight(ready(self, restore), restore(taken(self))))
  })

/** To be run uninterruptibly. */
const ready = (self: PooledResponse, restore: Restore): Effect.Effect<void> =>
  AsyncContexts.wait(self.body.contexts, restore, listen(self), {
    onFailure: (cause) => {
      self.body.leaveStream()
      return Effect.failCause(cause)
    },
    onSuccess: () => Effect.void
  })

const listen = (self: PooledResponse) => (resume: (effect: Effect.Effect<void>) => void) =>
  self.body.onReady(() => resume(Exit.void))

type Out = Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, ResponseError, unknown, void, unknown>

export const stream = (self: PooledResponse): Stream.Stream<Uint8Array, ResponseError> =>
  Stream.fromChannel(channel(self))

const channel = (self: PooledResponse): Out =>
  Channel.suspend(() => {
    const begun = self.body.beginStream()
    if (begun === "Live") {
      return Channel.ensuring(
        live(self),
        Effect.sync(() => self.body.abandon("its stream ended before it did", false))
      )
    }
    return begun === "Collected" ? collected(self) : Channel.fail(responseError(self, begun))
  })

const live = (self: PooledResponse): Out => {
  const loop: Out = Channel.flatMap(Channel.fromEffect(taken(self)), (pieces) => {
    if (pieces === end) return Channel.void
    if (pieces instanceof Error) return Channel.fail(responseError(self, pieces))
    return Channel.zipRight(Channel.write(Chunk.unsafeFromArray(pieces)), loop)
  })
  return loop
}

/** A collected body is kept: it can be streamed as often as one likes, under the limit for streams. */
const collected = (self: PooledResponse): Out =>
  Channel.flatMap(Channel.fromEffect(whole(self)), (bytes) =>
    bytes.length === 0 ? Channel.void : Channel.write(Chunk.of(bytes))
  )

const whole = (self: PooledResponse): Effect.Effect<Uint8Array, ResponseError> =>
  Effect.map(self.arrayBuffer, (buffer) => new Uint8Array(buffer))

/** A piece a call. Only its wait can be interrupted: between a claim and a wait nobody would give the body up. */
export const pull = (self: PooledResponse): Effect.Effect<Uint8Array, Option.Option<ResponseError>> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const begun = self.body.beginPull()
      if (begun === "CollectedEnd") return Exit.fail(Option.none())
      if (begun === "Collected") {
        return Effect.flatMap(Effect.mapError(restore(whole(self)), Option.some), (bytes) =>
          bytes.length === 0 ? Exit.fail(Option.none()) : Exit.succeed(bytes)
        )
      }
      if (begun !== "Live") return Effect.fail(Option.some(responseError(self, begun)))
      return one(self, restore)
    })
  )

const one = (self: PooledResponse, restore: Restore): Effect.Effect<Uint8Array, Option.Option<ResponseError>> =>
  Effect.suspend(() => {
    const now = self.body.takeOne()
    if (now === undefined) return Effect.zipRight(ready(self, restore), one(self, restore))
    if (now === end) return Exit.fail(Option.none())
    return now instanceof Uint8Array ? Exit.succeed(now) : Effect.fail(Option.some(responseError(self, now)))
  })

/** Calls `f` with each piece; an effect it answers is awaited before the next piece is taken. */
export const forEachChunk = <E, R>(
  self: PooledResponse,
  f: (chunk: Uint8Array) => void | Effect.Effect<unknown, E, R>
): Effect.Effect<void, ResponseError | E, R> =>
  // The claim and what gives it up are one step: between them no interruption can come.
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend((): Effect.Effect<void, ResponseError | E, R> => {
      const begun = self.body.beginStream()
      if (begun === "Collected") {
        return restore(Effect.flatMap(whole(self), (bytes) => (bytes.length === 0 ? Effect.void : run(f, [bytes], 0))))
      }
      if (begun !== "Live") return Effect.fail(responseError(self, begun))
      const loop: Effect.Effect<void, ResponseError | E, R> = Effect.flatMap(taken(self), (pieces) => {
        if (pieces === end) return Effect.void
        if (pieces instanceof Error) return Effect.fail(responseError(self, pieces))
        return Effect.zipRight(run(f, pieces, 0), loop)
      })
      return Effect.onExit(restore(loop), () =>
        Effect.sync(() => self.body.abandon("its reader stopped before it ended", false))
      )
    })
  )

const run = <E, R>(
  f: (chunk: Uint8Array) => void | Effect.Effect<unknown, E, R>,
  pieces: ReadonlyArray<Uint8Array>,
  from: number
): Effect.Effect<void, E, R> =>
  Effect.suspend(() => {
    for (let i = from; i < pieces.length; i++) {
      const result = f(pieces[i]!)
      if (Effect.isEffect(result)) {
        return Effect.zipRight(result as Effect.Effect<unknown, E, R>, run(f, pieces, i + 1))
      }
    }
    return Effect.void
  })
