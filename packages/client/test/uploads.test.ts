import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety } from "@hotaru/client"
import { type Connection, ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { clientLayer, kindOf, post, socketNumber } from "./support.js"

const bytes = (length: number) => new Uint8Array(length).fill(120)

const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

const serving = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, clientLayer())

/** A stream that counts its pulls and says when it was finalized. */
const counted = (pieces: number, size = 10) =>
  Effect.gen(function* () {
    const pulled = yield* Ref.make(0)
    const ended = yield* Deferred.make<void>()
    const stream = Stream.range(1, pieces).pipe(
      Stream.rechunk(1),
      Stream.mapEffect(() =>
        Effect.as(
          Ref.update(pulled, (n) => n + 1),
          bytes(size)
        )
      ),
      Stream.rechunk(1),
      Stream.ensuring(Deferred.succeed(ended, undefined))
    )
    return { stream, pulled, ended }
  })

describe("a streamed upload", () => {
  it.effect("pulls no more than the connection takes", () =>
    Effect.gen(function* () {
      const { pulled, stream } = yield* counted(100)
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      const fiber = yield* Effect.fork(text(post().pipe(HttpClientRequest.bodyStream(stream))))
      const socket = (yield* network.nextDial).succeed()
      socket.holdWrites()
      yield* network.settle
      assert.isBelow(yield* Ref.get(pulled), 4)
      socket.releaseWrites()
      const request = yield* socket.takeRequest
      assert.strictEqual(request.body.length, 1000)
      assert.strictEqual(yield* Ref.get(pulled), 100)
      socket.send(Wire.ok("done"))
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.deepStrictEqual(network.violations, [])
    }).pipe(serving)
  )

  it.effect("runs with the caller's fiber refs and services", () =>
    Effect.gen(function* () {
      const ref = FiberRef.unsafeMake("nobody")
      const stream = Stream.fromEffect(Effect.map(FiberRef.get(ref), (name) => new TextEncoder().encode(name)))
      yield* Effect.locally(text(post().pipe(HttpClientRequest.bodyStream(stream))), ref, "somebody")
      const socket = yield* socketNumber(0)
      assert.include(socket.receivedText, "somebody")
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok()))))
  )

  it.effect("that fails midway fails the request, and the server never takes it for a whole one", () =>
    Effect.gen(function* () {
      const stream = Stream.concat(Stream.make(bytes(3)), Stream.fail("broken"))
      const error = yield* Effect.flip(HttpClient.execute(post().pipe(HttpClientRequest.bodyStream(stream))))
      assert.strictEqual(kindOf(error), "RequestError Encode RequestBodyFailed")
      assert.strictEqual((error.cause as { readonly cause: unknown }).cause, "broken")
      const socket = yield* socketNumber(0)
      assert.isDefined(socket.destroyed)
      assert.notInclude(socket.receivedText, "0\r\n\r\n")
    }).pipe(serving)
  )

  for (const [what, announced, given] of [
    ["longer", 5, 6],
    ["shorter", 5, 4]
  ] as const) {
    it.effect(`that is ${what} than announced fails the request, and no byte too many is sent`, () =>
      Effect.gen(function* () {
        const stream = Stream.make(bytes(2), bytes(given - 2))
        const request = post().pipe(HttpClientRequest.bodyStream(stream, { contentLength: announced }))
        const error = yield* Effect.flip(HttpClient.execute(request))
        assert.strictEqual(kindOf(error), "RequestError Encode RequestBodyLength")
        const socket = yield* socketNumber(0)
        assert.isDefined(socket.destroyed)
        assert.isAtMost(socket.received.length - socket.receivedText.indexOf("\r\n\r\n") - 4, announced)
      }).pipe(serving)
    )
  }

  it.effect(
    "is not begun on a connection that took nothing of the head, so that sending it again sends all of it",
    () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        yield* text(post("/first"))
        const connection = network.sockets[0]!.connection as Connection.Connection & { isOpen: boolean }
        // As a socket of Node whose first write fails in the call itself: not a byte was taken.
        connection.write = () => {
          connection.isOpen = false
          return true
        }
        const once = new ReadableStream<Uint8Array>({
          start: (controller) => {
            controller.enqueue(new TextEncoder().encode("only once"))
            controller.close()
          }
        })
        const request = post("/second").pipe(HttpClientRequest.setBody(HttpBody.raw(once)))
        const fiber = yield* Effect.fork(text(request))
        yield* network.settle
        // What the producer gives is read in the event loop of its own.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        connection.receiver.onWriteError?.(new Error("EPIPE"))
        yield* TestClock.adjust("250 millis")
        assert.strictEqual(yield* Fiber.join(fiber), "only once")
      }).pipe(
        Effect.provide(clientLayer(ScriptedServer.make((request) => Wire.ok(new TextDecoder().decode(request.body)))))
      )
  )

  it.effect("is interrupted with its request, and its producer with it", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const stream = Stream.concat(Stream.make(bytes(3)), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(ended, undefined))
      )
      const fiber = yield* Effect.fork(HttpClient.execute(post().pipe(HttpClientRequest.bodyStream(stream))))
      const socket = yield* socketNumber(0)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(ended)
      assert.isDefined(socket.destroyed)
    }).pipe(serving)
  )

  it.effect(
    "is interrupted while its iterable is awaited: what can be destroyed is, and nobody waits for the piece",
    () =>
      Effect.gen(function* () {
        const left: Array<string> = []
        const silent = {
          [Symbol.asyncIterator]: () => ({
            next: () => new Promise<never>(() => {}),
            return: () => {
              left.push("returned")
              return Promise.reject(new Error("too late"))
            }
          }),
          destroy: () => {
            left.push("destroyed")
          }
        }
        const request = post().pipe(HttpClientRequest.setBody(HttpBody.raw(silent)))
        const fiber = yield* Effect.fork(HttpClient.execute(request))
        const network = yield* FakeNetwork.FakeNetwork
        yield* network.settle
        yield* Fiber.interrupt(fiber)
        yield* network.settle
        assert.deepStrictEqual(left, ["destroyed", "returned"])
      }).pipe(serving)
  )

  it.effect("whose connection takes nothing within bodyTimeout fails", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      for (const body of [
        HttpClientRequest.bodyStream(Stream.make(bytes(10))),
        HttpClientRequest.bodyUint8Array(bytes(600 * 1024))
      ]) {
        const fiber = yield* Effect.fork(HttpClient.execute(post().pipe(body)))
        const socket = (yield* network.nextDial).succeed()
        socket.holdWrites()
        yield* network.settle
        yield* TestClock.adjust("5 seconds")
        yield* network.settle
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual(kindOf(error), "RequestError Transport ExchangeTimeout")
        assert.include(error.message, "bodyTimeout = 5000")
        assert.isDefined(socket.destroyed)
      }
    }).pipe(HttpSafety.withLimits({ bodyTimeout: "5 seconds" }), serving)
  )
})

describe("an answer that comes before the request is out", () => {
  it.effect("with 300 or more stops the upload; the answer is read and the connection is not used again", () =>
    Effect.gen(function* () {
      const { ended, pulled, stream } = yield* counted(1000)
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      const fiber = yield* Effect.fork(text(post().pipe(HttpClientRequest.bodyStream(stream))))
      const socket = (yield* network.nextDial).succeed()
      socket.holdWrites()
      yield* network.settle
      socket.send(Wire.response({ status: 413, body: "too much" }))
      assert.strictEqual(yield* Fiber.join(fiber), "too much")
      yield* Deferred.await(ended)
      assert.isBelow(yield* Ref.get(pulled), 4)
      assert.isDefined(socket.destroyed)
    }).pipe(serving)
  )

  it.effect("with 200 is read while the upload goes on", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const stream = Stream.concat(Stream.make(bytes(1)), Stream.as(Stream.fromEffect(Deferred.await(gate)), bytes(2)))
      const fiber = yield* Effect.fork(
        HttpClient.execute(post().pipe(HttpClientRequest.bodyStream(stream, { contentLength: 3 })))
      )
      const socket = yield* socketNumber(0)
      socket.send(Wire.head({ headers: { "content-length": "4" } }))
      socket.send("ha")
      const response = yield* Fiber.join(fiber)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* socket.takeRequest).body.length, 3)
      socket.send("ha")
      assert.strictEqual(yield* response.text, "haha")
      assert.strictEqual(socket.destroyed, "EarlyAnswer")
    }).pipe(serving)
  )

  it.effect("wins over the failure to write", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      const { stream } = yield* counted(1000)
      const fiber = yield* Effect.fork(text(post().pipe(HttpClientRequest.bodyStream(stream))))
      const socket = (yield* network.nextDial).succeed()
      socket.failWrites({ inputGoesOn: true })
      yield* network.settle
      socket.send(Wire.response({ status: 413, body: "too much" }))
      socket.reset()
      assert.strictEqual(yield* Fiber.join(fiber), "too much")
    }).pipe(serving)
  )

  it.effect("counts for a request that was written in full: a small body and its answer", () =>
    Effect.gen(function* () {
      yield* text(post().pipe(HttpClientRequest.bodyText("abc")))
      yield* text(post().pipe(HttpClientRequest.bodyText("abc")))
      const stats = yield* (yield* ConnectionPool.ConnectionPool).stats
      assert.strictEqual(stats.hits, 1)
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.response({ status: 400 })))))
  )
})

describe("bytes whose memory changes hands before they are sent", () => {
  const resizable = (length: number, max: number) =>
    new (
      ArrayBuffer as unknown as new (
        length: number,
        options: { maxByteLength: number }
      ) => ArrayBuffer & {
        resize(length: number): void
      }
    )(length, { maxByteLength: max })

  const length = 600 * 1024
  const sending = (body: Uint8Array) => post().pipe(HttpClientRequest.bodyUint8Array(body))
  const given = (memory: ArrayBuffer) => structuredClone(memory, { transfer: [memory] })

  for (const [what, change, left] of [
    ["given away", given, 0],
    ["shrunk", (memory) => (memory as ReturnType<typeof resizable>).resize(3), 3],
    ["grown", (memory) => (memory as ReturnType<typeof resizable>).resize(length + 3), length + 3]
  ] as ReadonlyArray<[string, (memory: ArrayBuffer) => void, number]>) {
    it.effect(`are not sent under the length that they had: ${what}`, () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        network.park()
        const memory = resizable(length, length + 3)
        const fiber = yield* Effect.fork(Effect.flip(HttpClient.execute(sending(new Uint8Array(memory)))))
        const dial = yield* network.nextDial
        change(memory)
        const socket = dial.succeed()
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(kindOf(error), "RequestError Encode RequestBodyLength")
        assert.include(error.message, `announced with ${length} bytes and gave ${left}`)
        assert.strictEqual(socket.writtenText, "")
      }).pipe(serving)
    )
  }

  it.effect("midway: the server never sees a whole request, and the connection is not used again", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      const memory = new ArrayBuffer(length)
      const fiber = yield* Effect.fork(Effect.flip(HttpClient.execute(sending(new Uint8Array(memory)))))
      const socket = (yield* network.nextDial).succeed()
      socket.holdWrites()
      yield* network.settle
      assert.isBelow(socket.written.length, length)
      given(memory)
      socket.releaseWrites()
      assert.strictEqual(kindOf(yield* Fiber.join(fiber)), "RequestError Encode RequestBodyLength")
      assert.isDefined(socket.destroyed)
      assert.isBelow(socket.received.length, length)
    }).pipe(serving)
  )

  it.effect("while the answer comes: how much has left cannot be known, and the connection is not used again", () =>
    Effect.gen(function* () {
      const memory = new ArrayBuffer(length)
      const fiber = yield* Effect.fork(text(sending(new Uint8Array(memory))))
      const socket = yield* socketNumber(0)
      given(memory)
      socket.send(Wire.ok("done"))
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.strictEqual(socket.destroyed, "RequestNotSent")
    }).pipe(serving)
  )
})

describe("expect: 100-continue", () => {
  const expecting = post().pipe(
    HttpClientRequest.bodyText("body"),
    HttpClientRequest.setHeader("expect", "100-continue")
  )

  it.effect("sends the body after the server's word", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(text(expecting))
      const socket = yield* socketNumber(0)
      const head = yield* socket.takeHead
      assert.strictEqual(socket.untaken.length, 0)
      socket.send(Wire.interim(100))
      assert.strictEqual((yield* socket.takeBody(head)).text, "body")
      socket.send(Wire.ok("done"))
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.isUndefined(socket.destroyed)
    }).pipe(serving)
  )

  it.effect("sends it anyway when no word comes in time", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(text(expecting))
      const socket = yield* socketNumber(0)
      const head = yield* socket.takeHead
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* socket.takeBody(head)).text, "body")
      socket.send(Wire.ok("done"))
      assert.strictEqual(yield* Fiber.join(fiber), "done")
    }).pipe(serving)
  )

  it.effect("does not send it after a final answer, and the connection is not used again", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(text(expecting))
      const socket = yield* socketNumber(0)
      yield* socket.takeHead
      socket.send(Wire.response({ status: 403, body: "no" }))
      assert.strictEqual(yield* Fiber.join(fiber), "no")
      yield* TestClock.adjust("2 seconds")
      assert.notInclude(socket.receivedText, "body")
      assert.isDefined(socket.destroyed)
    }).pipe(serving)
  )

  for (const [what, waits] of [
    ["behind the server's word", false],
    ["when no word came in time", true]
  ] as const) {
    it.effect(`does not send it after a final answer that is here already, ${what} (RFC 9110 section 10.1.1)`, () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const fiber = yield* Effect.fork(text(expecting))
        yield* network.settle
        yield* network.poll
        const socket = yield* socketNumber(0)
        yield* socket.takeHead
        // The client sees the one, and the loop has not polled again when the other is here.
        if (waits) yield* TestClock.adjust("1 second")
        else socket.send(Wire.interim(100))
        yield* network.settle
        socket.send(Wire.response({ status: 200, body: "as it is" }))
        yield* network.poll
        assert.strictEqual(yield* Fiber.join(fiber), "as it is")
        yield* network.poll
        assert.notInclude(socket.receivedText, "body")
        assert.strictEqual(socket.destroyed, "EarlyAnswer")
      }).pipe(Effect.provide(clientLayer(undefined, { manualTurns: true })))
    )
  }

  it.effect("is dropped once when the server does not know it", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(text(expecting))
      const socket = yield* socketNumber(0)
      yield* socket.takeHead
      socket.send(Wire.response({ status: 417 }))
      const second = yield* socketNumber(1)
      const request = yield* second.takeRequest
      assert.isUndefined(request.header("expect"))
      assert.strictEqual(request.text, "body")
      second.send(Wire.ok("done"))
      assert.strictEqual(yield* Fiber.join(fiber), "done")
    }).pipe(serving)
  )
})
