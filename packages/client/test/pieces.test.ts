import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { concat } from "../src/internal/bytes.js"
import { Pieces } from "../src/internal/pieces.js"
import { clientLayer, get } from "./support.js"

/** Sizes around those that matter: small or not, the first room, the largest. */
const size = FastCheck.oneof(
  FastCheck.integer({ min: 1, max: 3 }),
  FastCheck.integer({ min: 1020, max: 1030 }),
  FastCheck.constantFrom(4096, 65_536, 70_000)
)
const step = FastCheck.oneof(
  { weight: 12, arbitrary: FastCheck.record({ add: size, times: FastCheck.constantFrom(1, 1, 5, 300) }) },
  { weight: 2, arbitrary: FastCheck.constantFrom("take" as const, "takeOne" as const) }
)

describe("the pieces of a body", () => {
  it("are copied for whoever wants his own, also where a connection keeps them as parts of a slab", () => {
    const pieces = new Pieces()
    pieces.add(Buffer.from("a small body"))
    const copy = pieces.all(true)
    assert.deepStrictEqual([copy.buffer.byteLength, Buffer.from(copy).toString()], [12, "a small body"])
    copy.fill(0)
    assert.strictEqual(Buffer.from(pieces.whole()).toString(), "a small body")
  })

  it.prop(
    "are the bytes that came, in their order, each in a buffer of its own length that nobody writes to again",
    [FastCheck.array(step, { maxLength: 60 })],
    ([steps]) => {
      const pieces = new Pieces()
      const came: Array<Uint8Array> = []
      const taken: Array<{ readonly piece: Uint8Array; readonly copy: Uint8Array }> = []
      const give = (piece: Uint8Array) => taken.push({ piece, copy: piece.slice() })
      let next = 0
      for (const one of steps) {
        if (one === "take") pieces.take().forEach(give)
        else if (one === "takeOne") {
          const piece = pieces.takeOne()
          if (piece !== undefined) give(piece)
        } else {
          for (let i = 0; i < one.times; i++) {
            const bytes = new Uint8Array(one.add).fill(next++)
            came.push(bytes.slice())
            if (!pieces.gather(bytes)) pieces.add(bytes.slice())
            // Lent bytes are garbage afterwards.
            bytes.fill(255)
          }
        }
      }
      pieces.take().forEach(give)
      assert.isTrue(pieces.isEmpty)
      for (const { copy, piece } of taken) {
        assert.isTrue(Buffer.from(piece).equals(copy))
        assert.strictEqual(piece.buffer.byteLength, piece.length)
      }
      assert.isTrue(Buffer.from(concat(taken.map(({ piece }) => piece))).equals(concat(came)))
    }
  )

  it("are few where many small ones came", () => {
    const pieces = new Pieces()
    for (let i = 0; i < 1_000_000; i++) {
      const bytes = new Uint8Array([i])
      if (!pieces.gather(bytes)) pieces.add(bytes)
    }
    const taken = pieces.take()
    assert.isBelow(taken.length, 30)
    assert.strictEqual(concat(taken).length, 1_000_000)
  })

  it.effect("of a body of single bytes come together", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.execute(get())
      yield* (yield* FakeNetwork.FakeNetwork).settle
      let count = 0
      let bytes = 0
      yield* PooledHttpClient.forEachChunk(response, (chunk) => {
        count++
        bytes += chunk.length
      })
      assert.strictEqual(bytes, 20_000)
      assert.isBelow(count, 10)
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.always([
            Wire.head({ headers: { "transfer-encoding": "chunked" } }),
            "1\r\nx\r\n".repeat(20_000),
            "0\r\n\r\n"
          ])
        )
      )
    )
  )
})
