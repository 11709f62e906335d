/**
 * Bodies of requests that can be read once and hold something open until they are: a `Readable`, a `ReadableStream`. One
 * that is not sent is let go of, as one that is left midway.
 *
 * @internal
 */
import type * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Stream from "effect/Stream"
import { isReadableStream } from "./brands.js"

export const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value

const isDestroyable = (value: object): value is { readonly destroy: () => void } =>
  "destroy" in value && typeof value.destroy === "function"

/** Whether the value is closed by the request that carries it, sent or not. */
const isOneShot = (value: unknown): value is object =>
  isReadableStream(value) || (isAsyncIterable(value) && isDestroyable(value))

/**
 * Whether a body gives its bytes once and never again. An Effect stream is a description, and can be run again; an iterable
 * can if it gives a new iterator each time.
 */
export const isReadOnce = (body: HttpBody.HttpBody): boolean => {
  const value = body._tag === "Raw" ? body.body : undefined
  if (typeof value !== "object" || value === null) return false
  // `getReader`: a `ReadableStream`, also one of another realm. `next`: an iterator, a generator among them.
  if (isOneShot(value) || "getReader" in value || "next" in value) return true
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = value as Partial<
    AsyncIterable<unknown> & Iterable<unknown>
  >
  const iterate: (() => Iterator<unknown> | AsyncIterator<unknown>) | undefined = async ?? sync
  return iterate !== undefined && isSpentByIterating(() => iterate.call(value))
}

const isSpentByIterating = (iterate: () => Iterator<unknown> | AsyncIterator<unknown>): boolean => {
  try {
    const first = iterate()
    const second = iterate()
    if (first === second) return true
    for (const iterator of [first, second]) Promise.resolve(iterator.return?.()).catch(() => {})
    return false
  } catch {
    // One that cannot be had cannot be read.
    return true
  }
}

/**
 * A source of Node's that fails while no reader listens ends the process with an unhandled error: a file that does not
 * exist, while the request waits for its connection. Its reader is told all the same.
 */
export const listen = (value: object): void => {
  if ("on" in value && typeof value.on === "function") value.on("error", ignore)
}

const ignore = () => {}

/** Closes a source that nobody has begun to read. */
export const discard = (value: unknown): void => {
  if (isReadableStream(value)) {
    // Somebody else's reader would make this fail, and is theirs to close.
    if (!value.locked) value.cancel().catch(() => {})
  } else if (isAsyncIterable(value) && isDestroyable(value)) {
    listen(value)
    value.destroy()
  }
}

/** Closes what a request carries that goes nowhere. */
export const discardBody = (request: HttpClientRequest.HttpClientRequest): void => {
  if (request.body._tag === "Raw") discard(request.body.body)
}

/** Whether a request that has failed cannot be made again, because what it carried is gone. */
export const isGone = (request: HttpClientRequest.HttpClientRequest): boolean =>
  request.body._tag === "Raw" && isOneShot(request.body.body)

/** The stream, and a `discard` that lets go of its source unless the stream was run, or discarded, before. */
export const begunOnce = <A, E>(
  stream: Stream.Stream<A, E>,
  letGo: () => void
): { readonly stream: Stream.Stream<A, E>; readonly discard: () => void } => {
  let begun = false
  return {
    stream: Stream.suspend(() => {
      begun = true
      return stream
    }),
    discard: () => {
      if (begun) return
      begun = true
      letGo()
    }
  }
}

/**
 * An iterable that can be left while its next piece is awaited: the `return` of an async generator, Node's `Readable`
 * among them, otherwise waits for that piece, and whoever leaves waits with it. What can be destroyed is.
 */
export const leavable = (iterable: AsyncIterable<unknown>): AsyncIterable<unknown> => ({
  [Symbol.asyncIterator]: () => {
    const iterator = iterable[Symbol.asyncIterator]()
    let waiting = false
    const arrived = () => {
      waiting = false
    }
    return {
      next: () => {
        waiting = true
        const next = iterator.next()
        next.then(arrived, arrived)
        return next
      },
      return: async () => {
        if ("destroy" in iterable && typeof iterable.destroy === "function") iterable.destroy()
        const left = iterator.return?.()
        if (waiting) left?.catch(() => {})
        else await left
        return { done: true, value: undefined }
      }
    }
  }
})
