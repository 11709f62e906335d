import { assert, describe, it } from "@effect/vitest"
import type { Receiver } from "@hotaru/pool/Connection"
import { FakeSocket, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/** Writes down what it is told, with `isOpen` at that moment. */
const recorder = (socket: FakeSocket.FakeSocket, onBytes?: (bytes: Uint8Array) => void) => {
  const told: Array<string> = []
  const receiver: Receiver = {
    onBytes: (bytes) => {
      told.push(`bytes ${Wire.text(bytes)}`)
      onBytes?.(bytes)
    },
    onEnd: (kind) => told.push(`end ${kind}, open: ${socket.connection.isOpen}`),
    onError: (cause) => told.push(`error ${(cause as Error).message}, open: ${socket.connection.isOpen}`),
    onDrain: () => told.push("drain")
  }
  socket.connection.receiver = receiver
  return told
}

describe("FakeSocket, reading", () => {
  it("shows bytes at once, in order, and counts them", () => {
    const socket = FakeSocket.make()
    const told = recorder(socket)
    socket.send("one")
    socket.send(new Uint8Array([116, 119, 111]))
    assert.deepStrictEqual(told, ["bytes one", "bytes two"])
    assert.strictEqual(socket.connection.bytesRead, 6)
    assert.strictEqual(socket.counts.deliveries, 2)
  })

  it("overwrites borrowed bytes after onBytes, and keep saves them", () => {
    const socket = FakeSocket.make()
    let borrowed: Uint8Array = new Uint8Array(0)
    let kept: Uint8Array = new Uint8Array(0)
    recorder(socket, (bytes) => {
      borrowed = bytes
      kept = socket.connection.keep(bytes.subarray(1))
    })
    socket.send("secret")
    assert.deepStrictEqual(
      [...borrowed],
      Array.from({ length: 6 }, () => 0xdb)
    )
    assert.strictEqual(Wire.text(kept), "ecret")
    assert.strictEqual(kept.buffer.byteLength, 5)
    assert.throws(() => socket.connection.keep(borrowed), /garbage by now/)
  })

  it("reads no more than 64 KiB at once", () => {
    const socket = FakeSocket.make()
    const sizes: Array<number> = []
    recorder(socket, (bytes) => sizes.push(bytes.length))
    socket.send(new Uint8Array(150_000))
    assert.deepStrictEqual(sizes, [65_536, 65_536, 18_928])
  })

  it("never enters a receiver twice: what arrives while it runs follows", () => {
    const socket = FakeSocket.make()
    const order: Array<string> = []
    recorder(socket, (bytes) => {
      const text = Wire.text(bytes)
      order.push(`in ${text}`)
      if (text === "a") socket.send("b")
      order.push(`out ${text}`)
    })
    socket.send("a")
    assert.deepStrictEqual(order, ["in a", "out a", "in b", "out b"])
  })

  it("gives what follows to the receiver in force at that moment", () => {
    const socket = FakeSocket.make({ manualTurns: true })
    const second: Array<string> = []
    recorder(socket, () => {
      socket.connection.receiver = {
        onBytes: (bytes) => second.push(Wire.text(bytes)),
        onEnd: (kind) => second.push(kind),
        onError: () => {},
        onDrain: () => {}
      }
    })
    socket.sendLater("first")
    socket.sendLater("second")
    socket.endLater()
    socket.poll()
    assert.deepStrictEqual(second, ["second", "fin"])
  })

  it("a paused connection is blind: neither bytes nor the end nor a reset, until it is resumed and the loop polls", () => {
    const socket = FakeSocket.make({ manualTurns: true })
    const told = recorder(socket)
    socket.connection.pause()
    socket.send("a")
    socket.sendLater("b")
    socket.end()
    socket.poll()
    assert.deepStrictEqual(told, [])
    assert.strictEqual(socket.connection.isOpen, true)
    assert.strictEqual(socket.unread, 2)
    socket.connection.resume()
    assert.deepStrictEqual(told, [], "nothing is read within resume")
    socket.poll()
    assert.deepStrictEqual(told, ["bytes a", "bytes b", "end fin, open: false"])
  })

  it("stops in the middle of a delivery when the receiver pauses", () => {
    const socket = FakeSocket.make({ manualTurns: true })
    const told = recorder(socket, () => socket.connection.pause())
    socket.sendLater("a")
    socket.sendLater("b")
    socket.poll()
    assert.deepStrictEqual(told, ["bytes a"])
    socket.connection.resume()
    socket.poll()
    assert.deepStrictEqual(told, ["bytes a", "bytes b"])
  })

  it("tells an end, a reset and a break once, with isOpen false already, and refuses to go on", () => {
    for (const [act, expected] of [
      [(s: FakeSocket.FakeSocket) => s.end(), "end fin, open: false"],
      [(s: FakeSocket.FakeSocket) => s.reset(), "end reset, open: false"],
      [(s: FakeSocket.FakeSocket) => s.fail(), "error read ECONNRESET, open: false"]
    ] as const) {
      const socket = FakeSocket.make()
      const told = recorder(socket)
      act(socket)
      assert.deepStrictEqual(told, [expected])
      assert.throws(() => socket.send("more"), /ended this connection already/)
      assert.strictEqual(socket.connection.write("late"), true)
      assert.strictEqual(socket.writtenText, "")
      assert.strictEqual(socket.destroyed, undefined, "the descriptor is the client's until it destroys it")
    }
  })

  it("a reset may lose what was not read", () => {
    const socket = FakeSocket.make({ manualTurns: true })
    const told = recorder(socket)
    socket.sendLater("lost")
    socket.resetLater({ loseUnread: true })
    socket.poll()
    assert.deepStrictEqual(told, ["end reset, open: false"])
  })
})

describe("FakeSocket, turns", () => {
  it("a turn ends after what had arrived before has been seen, and what arrives during it waits for the next", () => {
    const socket = FakeSocket.make({ manualTurns: true })
    const told = recorder(socket, (bytes) => {
      if (Wire.text(bytes) === "a") {
        socket.sendLater("c")
        socket.connection.onTurn(() => told.push("second turn"))
      }
    })
    socket.sendLater("a")
    socket.connection.onTurn(() => told.push("turn"))
    socket.sendLater("b")
    assert.deepStrictEqual(told, [])
    socket.poll()
    assert.deepStrictEqual(told, ["bytes a", "bytes b", "turn"])
    socket.poll()
    assert.deepStrictEqual(told, ["bytes a", "bytes b", "turn", "bytes c", "second turn"])
  })

  it.effect("by itself the loop polls when no fiber can go on, and not before", () =>
    Effect.gen(function* () {
      const socket = FakeSocket.make()
      const told = recorder(socket)
      socket.sendLater("x")
      for (let i = 0; i < 200; i++) yield* Effect.yieldNow()
      assert.deepStrictEqual(told, [])
      yield* socket.connection.turn
      assert.deepStrictEqual(told, ["bytes x"])
    })
  )

  it.effect("a turn ends even if the connection is destroyed meanwhile", () =>
    Effect.gen(function* () {
      const socket = FakeSocket.make()
      const turn = yield* Effect.fork(socket.connection.turn)
      yield* Effect.yieldNow()
      socket.connection.destroy("gone")
      yield* Fiber.join(turn)
    })
  )
})

describe("FakeSocket, writing", () => {
  it("takes strings as latin1, refuses what does not fit a byte, and copies bytes", () => {
    const socket = FakeSocket.make()
    const bytes = new Uint8Array([1, 2])
    assert.strictEqual(socket.connection.write("\u00ff"), true)
    socket.connection.write(bytes)
    bytes[0] = 9
    assert.deepStrictEqual([...socket.written], [255, 1, 2])
    assert.throws(() => socket.connection.write("\u010d\u010a"), /0x10d at position 0/)
    assert.strictEqual(socket.connection.bytesWritten, 3)
    assert.strictEqual(socket.counts.writes, 2)
  })

  it("holds writes back, says so, and tells of the drain when all is taken", () => {
    const socket = FakeSocket.make()
    const told = recorder(socket)
    socket.holdWrites(3)
    assert.strictEqual(socket.connection.write("abc"), true)
    assert.strictEqual(socket.connection.isFlushed, false)
    assert.strictEqual(socket.connection.write("def"), false)
    assert.deepStrictEqual([socket.writtenText, socket.receivedText], ["abcdef", ""])
    socket.releaseWrites(4)
    assert.deepStrictEqual([told, socket.receivedText], [[], "abcd"])
    socket.releaseWrites()
    assert.deepStrictEqual([told, socket.receivedText], [["drain"], "abcdef"])
    assert.strictEqual(socket.connection.isFlushed, true)
    assert.strictEqual(socket.connection.write("g"), true)
  })

  it("failing writes are told at the next poll, behind what has arrived", () => {
    const socket = FakeSocket.make({ manualTurns: true })
    const told = recorder(socket)
    socket.sendLater("answer")
    socket.failWrites()
    assert.strictEqual(socket.connection.write("lost"), true)
    assert.strictEqual(socket.connection.write("lost too"), true)
    assert.strictEqual(socket.connection.isFlushed, false)
    assert.deepStrictEqual(told, [])
    socket.poll()
    assert.deepStrictEqual(told, ["bytes answer", "error write EPIPE, open: false"])
    assert.deepStrictEqual([socket.writtenText, socket.receivedText], ["lostlost too", ""])
  })

  it("what a server sends on a connection that a lost write has broken goes nowhere", () => {
    const socket = FakeSocket.make({ manualTurns: true })
    const told = recorder(socket)
    socket.failWrites()
    socket.connection.write("lost")
    socket.send("too late")
    socket.end()
    socket.poll()
    assert.deepStrictEqual(told, ["error write EPIPE, open: false"])
  })

  it("failing writes may leave the input going, and the failure is told in place of its end", () => {
    const socket = FakeSocket.make()
    const told = recorder(socket)
    socket.failWrites({ inputGoesOn: true })
    socket.connection.write("lost")
    socket.send("413")
    assert.deepStrictEqual(told, ["bytes 413"])
    socket.end()
    assert.deepStrictEqual(told, ["bytes 413", "error write EPIPE, open: false"])
  })
})

describe("FakeSocket, closing", () => {
  it("destroy is synchronous, tells nobody, keeps its first reason, and drops what was not read", () => {
    const socket = FakeSocket.make({ manualTurns: true })
    const told = recorder(socket)
    socket.sendLater("unread")
    socket.connection.destroy("first")
    assert.strictEqual(socket.connection.isOpen, false)
    socket.connection.destroy("second")
    socket.poll()
    assert.deepStrictEqual([told, socket.destroyed, socket.unread], [[], "first", 0])
    socket.send("to nobody")
    assert.deepStrictEqual(told, [])
  })

  it("a receiver may destroy the connection in the middle of a delivery", () => {
    const socket = FakeSocket.make({ manualTurns: true })
    const told = recorder(socket, () => socket.connection.destroy("enough"))
    socket.sendLater("a")
    socket.sendLater("b")
    socket.endLater()
    socket.poll()
    assert.deepStrictEqual(told, ["bytes a"])
  })

  it("notes what is against the contract", () => {
    const socket = FakeSocket.make()
    socket.connection.pause()
    socket.connection.park()
    socket.connection.write("x")
    assert.deepStrictEqual([socket.violations, socket.parked], [["parked while paused", "wrote while parked"], true])
  })
})

describe("FakeSocket, waiting for the client", () => {
  it.effect("take waits for the first byte, and takes each byte once", () =>
    Effect.gen(function* () {
      const socket = FakeSocket.make()
      const fiber = yield* Effect.fork(socket.take)
      yield* Effect.yieldNow()
      socket.connection.write("ab")
      socket.connection.write("c")
      assert.strictEqual(Wire.text(yield* Fiber.join(fiber)), "abc")
      socket.connection.write("d")
      assert.strictEqual(Wire.text(yield* socket.take), "d")
    })
  )

  it.effect("takeHead takes a head and leaves the body, takeRequest takes both", () =>
    Effect.gen(function* () {
      const socket = FakeSocket.make()
      const fiber = yield* Effect.fork(socket.takeHead)
      for (const byte of "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz") {
        socket.connection.write(byte)
        yield* Effect.yieldNow()
      }
      const head = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        [head.method, head.target, head.header("CONTENT-LENGTH"), head.text],
        ["POST", "/a", "3", ""]
      )
      assert.strictEqual(Wire.text(yield* socket.take), "xyz")
      socket.connection.write("PUT /b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx: y\r\n\r\n")
      const request = yield* socket.takeRequest
      assert.deepStrictEqual([request.text, request.trailers], ["hi", [["x", "y"]]])
    })
  )

  it.effect("an interrupted take has taken nothing", () =>
    Effect.gen(function* () {
      const socket = FakeSocket.make()
      const fiber = yield* Effect.fork(socket.take)
      yield* Effect.yieldNow()
      socket.connection.write("a")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(Wire.text(yield* socket.take), "a")
    })
  )

  it.effect("waiting on a connection that the client closes fails with the reason", () =>
    Effect.gen(function* () {
      const socket = FakeSocket.make()
      const fiber = yield* Effect.fork(Effect.exit(socket.takeRequest))
      const closed = yield* Effect.fork(socket.awaitDestroyed)
      yield* Effect.yieldNow()
      socket.connection.write("GET /")
      socket.connection.destroy("broken")
      const exit = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        exit,
        Exit.fail(new FakeSocket.FakeSocketClosed({ reason: "broken", awaited: "a request" }))
      )
      assert.strictEqual(yield* Fiber.join(closed), "broken")
    })
  )
})
