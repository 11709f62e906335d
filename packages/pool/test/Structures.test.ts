/**
 * The lists, heaps and deadlines everything else stands on.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as TestClock from "effect/TestClock"
import { DeadlineLists } from "../src/internal/deadlines.js"
import { IndexedHeap, notInHeap } from "../src/internal/heap.js"
import { type Linked, LinkedList } from "../src/internal/list.js"
import type { TimeKeeper } from "../src/internal/timeKeeper.js"
import { a, ask, onOpenNetwork } from "./support/stories.js"

class Node implements Linked<Node> {
  previous: Node | undefined = undefined
  next: Node | undefined = undefined
  constructor(readonly n: number) {}
}

const walk = (list: LinkedList<Node>) => {
  const forth: Array<number> = []
  for (let node = list.head; node !== undefined; node = node.next) forth.push(node.n)
  const back: Array<number> = []
  for (let node = list.tail; node !== undefined; node = node.previous) back.unshift(node.n)
  assert.deepStrictEqual(forth, back)
  assert.strictEqual(list.size, forth.length)
  return forth
}

describe("LinkedList", () => {
  it("does what an array does, at both ends and in the middle", () => {
    const operation = FastCheck.record({
      what: FastCheck.constantFrom("append", "insert", "remove"),
      n: FastCheck.nat({ max: 20 })
    })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(operation), (operations) => {
        const list = new LinkedList<Node>()
        const model: Array<Node> = []
        for (const { n, what } of operations) {
          if (what === "append") {
            const node = new Node(n)
            list.append(node)
            model.push(node)
          } else if (what === "insert") {
            const node = new Node(n)
            // Where the list itself looks: before the first that comes after it, or at the end if the last does not.
            const at = (model[model.length - 1]?.n ?? -1) > n ? model.findIndex((other) => other.n > n) : -1
            list.insert(node, (other) => other.n > n)
            model.splice(at < 0 ? model.length : at, 0, node)
          } else if (model.length > 0) {
            const [node] = model.splice(n % model.length, 1)
            list.remove(node as Node)
            assert.deepStrictEqual([node?.previous, node?.next], [undefined, undefined])
          }
          assert.deepStrictEqual(
            walk(list),
            model.map((node) => node.n)
          )
        }
      })
    )
  })
})

describe("IndexedHeap", () => {
  it("always has the least on top, whatever is put, changed or taken out", () => {
    const operation = FastCheck.record({
      what: FastCheck.constantFrom("put", "change", "remove", "pop"),
      n: FastCheck.nat({ max: 50 }),
      which: FastCheck.nat({ max: 50 })
    })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(operation, { maxLength: 80, size: "max" }), (operations) => {
        const heap = new IndexedHeap<{ heapIndex: number; n: number }>((left, right) => left.n < right.n)
        const model: Array<{ heapIndex: number; n: number }> = []
        for (const { n, what, which } of operations) {
          const at = which % Math.max(model.length, 1)
          const chosen = what === "pop" ? heap.top : model[at]
          if (what === "put") {
            const element = { heapIndex: notInHeap, n }
            heap.put(element)
            model.push(element)
          } else if (chosen !== undefined && what === "change") {
            chosen.n = n
            heap.put(chosen)
          } else if (chosen !== undefined) {
            heap.remove(chosen)
            assert.strictEqual(chosen.heapIndex, notInHeap)
            heap.remove(chosen)
            model.splice(model.indexOf(chosen), 1)
          }
          assert.strictEqual(heap.size, model.length)
          assert.strictEqual(
            heap.top?.n,
            model.length === 0 ? undefined : Math.min(...model.map((element) => element.n))
          )
        }
        const drained: Array<number> = []
        for (let top = heap.top; top !== undefined; top = heap.top) {
          drained.push(top.n)
          heap.remove(top)
        }
        assert.deepStrictEqual(
          drained,
          model.map((element) => element.n).sort((left, right) => left - right)
        )
      })
    )
  })
})

/** Time in the test's hands, and what the deadlines ask of it. */
class FakeTime implements TimeKeeper {
  at = 0
  arms = 0
  held = false
  readonly leaptAt = -Infinity
  readonly latest = 0
  alarm: { readonly due: number; readonly ring: () => void } | undefined = undefined
  readonly background = undefined as never
  readonly now = () => this.at
  readonly arm = (millis: number, ring: () => void) => {
    this.arms++
    this.alarm = { due: this.at + millis, ring }
  }
  readonly disarm = () => {
    this.alarm = undefined
  }
  readonly hold = () => {
    this.held = true
  }
  readonly release = () => {
    this.held = false
  }
  advance(to: number): void {
    while (this.alarm !== undefined && this.alarm.due <= to) {
      const { due, ring } = this.alarm
      this.alarm = undefined
      this.at = Math.max(this.at, due)
      ring()
    }
    this.at = to
  }
}

describe("Deadlines", () => {
  it("each fires once, at its time, unless it was cleared", () => {
    const operation = FastCheck.record({
      what: FastCheck.constantFrom("set", "clear", "advance"),
      millis: FastCheck.constantFrom(0, 1, 10, 10, 10, 50, 100, Infinity),
      which: FastCheck.nat({ max: 100 })
    })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(operation, { maxLength: 100, size: "max" }), (operations) => {
        const time = new FakeTime()
        const deadlines = new DeadlineLists(time)
        const all: Array<{ due: number; fired: number | undefined; cleared: boolean; clear: () => void }> = []
        const expected = (one: (typeof all)[number]) => (!one.cleared && one.due <= time.at ? one.due : undefined)
        for (const { millis, what, which } of operations) {
          if (what === "set") {
            const one = {
              due: time.at + millis,
              fired: undefined as number | undefined,
              cleared: false,
              clear: () => {}
            }
            const deadline = deadlines.set(millis, () => {
              assert.isUndefined(one.fired)
              one.fired = time.at
            })
            one.clear = () => deadline.clear()
            all.push(one)
          } else if (what === "clear") {
            const one = all[which % Math.max(all.length, 1)]
            if (one?.fired === undefined && one !== undefined) one.cleared = true
            one?.clear()
            one?.clear()
          } else time.advance(time.at + (Number.isFinite(millis) ? millis : 1000))
          if (what === "advance")
            assert.deepStrictEqual(
              all.map((one) => one.fired),
              all.map(expected)
            )
          const active = all.filter((one) => one.fired === undefined && !one.cleared && one.due < Infinity)
          assert.strictEqual(
            time.held,
            active.length > 0,
            "the process is kept alive while somebody waits, and not longer"
          )
          const next = Math.min(...active.map((one) => one.due))
          if (active.length > 0) assert.isAtMost(time.alarm?.due ?? Infinity, next)
        }
      })
    )
  })

  it("one alarm serves all, and setting and clearing a thousand of one duration arms it once", () => {
    const time = new FakeTime()
    const deadlines = new DeadlineLists(time)
    for (let i = 0; i < 1000; i++) {
      time.at++
      deadlines.set(30_000, () => assert.fail("it was cleared")).clear()
    }
    assert.strictEqual(time.arms, 1)
    time.advance(100_000)
    assert.isUndefined(time.alarm)
  })

  it("a nearer one moves the alarm forward; one set while others fire is not lost", () => {
    const time = new FakeTime()
    const deadlines = new DeadlineLists(time)
    const fired: Array<string> = []
    deadlines.set(100, () => fired.push("far"))
    deadlines.set(10, () => {
      fired.push("near")
      deadlines.set(5, () => fired.push("between"))
    })
    assert.strictEqual(time.alarm?.due, 10)
    time.advance(14)
    assert.deepStrictEqual(fired, ["near"])
    time.advance(15)
    assert.deepStrictEqual(fired, ["near", "between"])
    time.advance(100)
    assert.deepStrictEqual(fired, ["near", "between", "far"])
  })

  it("one may clear another that is due in the same moment", () => {
    const time = new FakeTime()
    const deadlines = new DeadlineLists(time)
    const fired: Array<string> = []
    deadlines.set(10, () => {
      fired.push("first")
      second.clear()
    })
    const second = deadlines.set(10, () => fired.push("second"))
    deadlines.set(10, () => fired.push("third"))
    time.advance(10)
    assert.deepStrictEqual(fired, ["first", "third"])
    assert.isFalse(time.held)
  })

  it("many different durations are not remembered for ever", () => {
    const time = new FakeTime()
    const deadlines = new DeadlineLists(time)
    for (let i = 1; i <= 5000; i++) deadlines.set(i, () => {}).clear()
    assert.isAtMost((deadlines as unknown as { readonly lists: Map<number, unknown> }).lists.size, 65)
  })

  it.effect("on TestClock there is at most one sleeper, however many wait", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      yield* pool.lease(a)
      const before = Chunk.size(yield* TestClock.sleeps())
      const waiting = Array.from({ length: 100 }, () => ask(pool, a))
      yield* story.settle
      assert.isAtMost(Chunk.size(yield* TestClock.sleeps()) - before, 1)
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(waiting.every((one) => one.error?._tag === "AcquireTimeout"))
      assert.strictEqual(yield* Effect.map(pool.stats, (stats) => stats.acquireTimeouts), 100)
    })
  )
})
