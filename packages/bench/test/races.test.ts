import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Answers from "../src/answers.js"
import { contestant } from "../src/lineup.js"
import { rounds as usualRounds } from "../src/Measure.js"
import * as Bodies from "../src/measures/bodies.js"
import * as Headers from "../src/measures/headers.js"
import * as Json from "../src/measures/json.js"
import * as Races from "../src/measures/races.js"
import * as Upload from "../src/measures/upload.js"
import { peers } from "../src/peers/index.js"
import { serve } from "../src/responder/serve.js"

describe("races over HTTP", () => {
  it("give everybody who works as many operations: a table's figure is of one", () => {
    for (const quick of [true, false]) {
      for (const operations of [1, 40, 399, 2000]) {
        const rounds = Races.rounds({ quick }, operations, 8)
        assert.deepStrictEqual([rounds.warmUp % 8, rounds.operations % 8], [0, 0])
        const usual = usualRounds({ quick }, operations)
        assert.isAtLeast(rounds.warmUp, Math.max(usual.warmUp, operations / 4))
        assert.isAtLeast(rounds.operations, usual.operations)
        assert.isBelow(rounds.operations, usual.operations + 8)
        assert.isAtLeast(rounds.rounds, 5)
      }
    }
  })

  it("tell MiB per second of bodies, else requests", () => {
    const figures = (each: number) => [{ name: "a", perRound: [each] }]
    const measured = { cpu: figures(1), perSecond: figures(32), p50: figures(3), p99: figures(4) }
    const first = (bytes?: number) => Races.table("A title", measured, bytes).beside![0]
    assert.deepStrictEqual(first(), { title: "requests/s", figures: figures(32) })
    assert.deepStrictEqual(first(512 * 1024), { title: "MiB/s", figures: figures(16) })
  })

  it.scopedLive("the responder answers what each of them expects", () =>
    Effect.gen(function* () {
      const { port, stats } = yield* Effect.acquireRelease(
        Effect.promise(() => serve()),
        ({ close }) => Effect.sync(close)
      )
      const peer = yield* peers.hotaru({ origin: `http://127.0.0.1:${port}`, connections: 1 })
      const works = [
        Headers.work,
        Json.work,
        Upload.work,
        Bodies.work("Collected", 1024 * 1024),
        Bodies.work("Streamed", 16 * 1024 * 1024)
      ]
      for (const work of works) yield* contestant(peer.name, peer.operation(work)!, 1).run(1)
      assert.strictEqual(stats().requests, works.length)
    })
  )

  it("a decoded answer is right only if all of it is there", () => {
    const { isRight } = Json.work
    const { items } = Answers.order
    assert.isTrue(isRight(JSON.parse(JSON.stringify(Answers.order))))
    assert.isFalse(isRight({ ...Answers.order, id: 1 }))
    assert.isFalse(isRight({ ...Answers.order, items: items.slice(1) }))
    assert.isFalse(isRight({ ...Answers.order, items: [...items.slice(1), items[0]] }))
    assert.isFalse(isRight({}))
  })
})
