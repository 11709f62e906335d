/**
 * What a connection reads into, as Node sees it: it asks for the buffer of the next read when one is over.
 */
import { Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Connection } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mostOwned, mostReadSize, readSize } from "../src/internal/readBuffer.js"
import { SocketConnection } from "../src/internal/socketConnection.js"

/** A connection, and what Node does with it. */
class Reading {
  readonly connection = new SocketConnection()
  /** What the next read comes into. */
  buffer: Uint8Array
  private reads = 0

  constructor() {
    this.connection.open(new Socket(), {})
    this.connection.receiver = Connection.silentReceiver
    this.buffer = this.ask()
  }

  /** A read that fills the buffer, or of this many bytes. */
  read(length: number = this.buffer.length): void {
    this.buffer.fill(++this.reads, 0, length)
    const { callback } = this.connection.onread
    try {
      callback(length, this.buffer)
    } finally {
      this.buffer = this.ask()
    }
  }

  /** Until it reads into the largest buffer of its own. */
  readMuch(): void {
    for (let reads = 0; reads < 3; reads++) this.read()
    assert.strictEqual(this.owns, mostReadSize)
  }

  get owns(): number {
    return this.buffer.length === readSize ? 0 : this.buffer.length
  }

  private ask(): Uint8Array {
    const { buffer } = this.connection.onread
    return (typeof buffer === "function" ? buffer() : buffer) as Uint8Array
  }
}

const reading: Effect.Effect<Reading, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new Reading()),
  ({ connection }) => Effect.sync(() => connection.destroy("done"))
)

const many = (n: number) => Effect.all(Array.from({ length: n }, () => reading))

/** Remembers what it was lent last. */
const remembering = () => {
  const lent: Array<Uint8Array> = []
  return { lent, receiver: { ...Connection.silentReceiver, onBytes: (bytes: Uint8Array) => void lent.push(bytes) } }
}

describe("Bytes kept after their call has returned", () => {
  it.scoped("are a copy: Node reads into the buffer again", () =>
    Effect.gen(function* () {
      const one = yield* reading
      const { lent, receiver } = remembering()
      one.connection.receiver = receiver
      one.readMuch()
      one.read()
      const last = lent.at(-1) as Uint8Array
      const before = last[0]
      const kept = one.connection.keep(last)
      assert.notStrictEqual(kept.buffer, one.buffer.buffer)
      one.read()
      assert.strictEqual(kept[0], before)
      assert.strictEqual(kept[kept.length - 1], before)
    })
  )

  it.scoped("within it are the buffer itself, which Node never sees again", () =>
    Effect.gen(function* () {
      const one = yield* reading
      const kept: Array<Uint8Array> = []
      one.connection.receiver = {
        ...Connection.silentReceiver,
        onBytes: (bytes) => void kept.push(one.connection.keep(bytes))
      }
      one.readMuch()
      const into = one.buffer
      one.read()
      assert.strictEqual(kept.at(-1)?.buffer, into.buffer)
      assert.notStrictEqual(one.buffer.buffer, into.buffer)
    })
  )

  for (const throws of [false, true]) {
    it.scoped(`are a copy too where the call ${throws ? "threw" : "paused the connection"}`, () =>
      Effect.gen(function* () {
        const one = yield* reading
        const { lent, receiver } = remembering()
        one.connection.receiver = receiver
        one.readMuch()
        one.connection.receiver = {
          ...receiver,
          onBytes: (bytes) => {
            lent.push(bytes)
            if (throws) throw new Error("boom")
            one.connection.pause()
          }
        }
        if (throws) assert.throws(() => one.read(), "boom")
        else one.read()
        const kept = one.connection.keep(lent.at(-1) as Uint8Array)
        assert.notStrictEqual(kept.buffer, one.buffer.buffer)
      })
    )
  }
})

describe("A buffer of its own", () => {
  it.scoped("is given up in the read in which the connection is parked", () =>
    Effect.gen(function* () {
      const one = yield* reading
      one.readMuch()
      one.connection.receiver = { ...Connection.silentReceiver, onBytes: () => one.connection.park() }
      one.read()
      assert.strictEqual(one.owns, 0)
    })
  )

  it.scoped(
    "is given up after the first read of the next lease where it was parked later, and does not come back",
    () =>
      Effect.gen(function* () {
        const one = yield* reading
        one.readMuch()
        one.connection.park()
        one.connection.unpark()
        one.read(100)
        assert.strictEqual(one.owns, 0)
        one.read(100)
        assert.strictEqual(one.owns, 0)
      })
  )

  it.scoped("is not made for a connection that was destroyed in its read", () =>
    Effect.gen(function* () {
      const one = yield* reading
      one.readMuch()
      one.connection.receiver = { ...Connection.silentReceiver, onBytes: () => one.connection.destroy("enough") }
      one.read()
      assert.strictEqual(one.owns, 0)
    })
  )

  it.scoped(
    "is not for everybody: thousands of connections parked after their last read hold no more than the bound",
    () =>
      Effect.gen(function* () {
        const all = yield* many(2000)
        for (const one of all) {
          for (let reads = 0; reads < 4; reads++) one.read()
          one.connection.park()
        }
        const held = () => all.reduce((sum, one) => sum + one.owns, 0)
        assert.isAtMost(held(), mostOwned)
        assert.isAbove(held(), mostOwned - mostReadSize)
        // Those who came too late have some as soon as others read, are destroyed, or give theirs away.
        const late = all.at(-1) as Reading
        assert.strictEqual(late.owns, 0)
        const readMore = () => {
          late.connection.unpark()
          late.read()
          const { owns } = late
          late.connection.park()
          late.read(10)
          return owns
        }
        assert.strictEqual(readMore(), 0)
        all[0]?.read(10)
        assert.isAbove(readMore(), 0)
        for (const one of all) one.connection.destroy("done")
        const next = yield* many(mostOwned / mostReadSize)
        for (const one of next) one.readMuch()
        assert.strictEqual(
          next.reduce((sum, one) => sum + one.owns, 0),
          mostOwned
        )
      })
  )

  it.scoped("counts no more once it was given away", () =>
    Effect.gen(function* () {
      const one = yield* reading
      one.connection.receiver = {
        ...Connection.silentReceiver,
        onBytes: (bytes) => void one.connection.keep(bytes)
      }
      one.readMuch()
      for (let reads = 0; reads < (3 * mostOwned) / mostReadSize; reads++) {
        one.read()
        assert.strictEqual(one.owns, mostReadSize)
      }
    })
  )
})
