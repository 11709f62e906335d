/**
 * The pool's time on the live clock: what a clock that is set back or leaps ahead changes, and what a loop that was
 * blocked does to limits.
 */

import { assert, describe, it } from "@effect/vitest"
import { Connector, Lease } from "@hotaru/pool"
import { FakeNetwork, Story } from "@hotaru/testing"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Scope from "effect/Scope"
import { vi } from "vitest"
import { DeadlineLists } from "../src/internal/deadlines.js"
import { Interpreter } from "../src/internal/interpreter.js"
import * as Settings from "../src/internal/settings.js"
import * as Taking from "../src/internal/taking.js"
import * as TimeKeeper from "../src/internal/timeKeeper.js"
import { Asked, a, exchange, socketOf } from "./support/stories.js"

/** A wall clock and a monotonic one in the test's hands. */
class Hands {
  wall = 1_700_000_000_000
  monotonic = 50
  readonly keeper: TimeKeeper.TimeKeeper

  constructor() {
    const clock: Clock.Clock = {
      ...Clock.make(),
      unsafeCurrentTimeMillis: () => this.wall
    }
    this.keeper = TimeKeeper.live(clock, () => this.monotonic)
  }

  /** Time passes, on both clocks. */
  pass(millis: number): void {
    this.wall += millis
    this.monotonic += millis
  }
}

describe("The pool's time on the live clock", () => {
  it("goes on by the monotonic clock while the wall clock is set back", () => {
    const hands = new Hands()
    const before = hands.keeper.now()
    hands.pass(100)
    hands.wall -= 3_600_000
    assert.strictEqual(hands.keeper.now() - before, 100)
    hands.pass(50)
    assert.strictEqual(hands.keeper.now() - before, 150)
    assert.strictEqual(hands.keeper.leaptAt, -Infinity)
  })

  it("goes on by the monotonic clock while the wall clock goes ahead; more than five seconds at once are a leap", () => {
    const hands = new Hands()
    const begun = hands.keeper.now()
    hands.pass(10)
    hands.wall += 5000
    assert.strictEqual(hands.keeper.now() - begun, 10)
    assert.strictEqual(hands.keeper.leaptAt, -Infinity)
    assert.strictEqual(hands.keeper.ahead, 5000)
    hands.pass(10)
    hands.wall += 5001
    assert.strictEqual(hands.keeper.now() - begun, 20)
    assert.strictEqual(hands.keeper.leaptAt - begun, 20)
    assert.strictEqual(hands.keeper.ahead, 10_001)
    // Set right again, it was no less ahead before.
    hands.wall -= 10_001
    hands.pass(10)
    assert.strictEqual(hands.keeper.now() - begun, 30)
    assert.strictEqual(hands.keeper.leaptAt - begun, 20)
    assert.strictEqual(hands.keeper.ahead, 10_001)
  })

  it("a long time without a look is no leap", () => {
    const hands = new Hands()
    hands.keeper.now()
    hands.pass(3_600_000)
    hands.keeper.now()
    assert.strictEqual(hands.keeper.leaptAt, -Infinity)
  })

  it("whatever the wall clock does, it goes by the monotonic clock, and knows how far the wall clock was ahead at most", () => {
    const step = FastCheck.tuple(FastCheck.nat({ max: 10_000 }), FastCheck.integer({ min: -20_000, max: 20_000 }))
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step), (steps) => {
        const hands = new Hands()
        const begun = hands.keeper.now()
        let [passedInAll, ahead, leapt] = [0, 0, -Infinity]
        for (const [passed, jump] of steps) {
          hands.pass(passed)
          passedInAll += passed
          hands.wall += jump
          const now = hands.keeper.now()
          assert.strictEqual(now, begun + passedInAll)
          const lead = hands.wall - now
          if (lead - ahead > TimeKeeper.leap) leapt = now
          ahead = Math.max(ahead, lead)
          assert.strictEqual(hands.keeper.ahead, ahead)
          assert.strictEqual(hands.keeper.leaptAt, leapt)
        }
      })
    )
  })
})

/** With timers that fire when the test says so. */
const withTimers = (tell: (hands: Hands) => void) => () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate"] })
  try {
    tell(new Hands())
  } finally {
    vi.useRealTimers()
  }
}

/** The loop runs for so long. */
const run = (hands: Hands, millis: number): void => {
  for (let i = 0; i < millis; i++) {
    hands.pass(1)
    vi.advanceTimersByTime(1)
  }
}

describe("A limit on the live clock", () => {
  for (const [how, jump] of [
    ["set ahead by an hour", 3_600_000],
    ["set back by an hour", -3_600_000]
  ] as const) {
    it(
      `lasts as long as it says although the wall clock is ${how} meanwhile`,
      withTimers((hands) => {
        const struck: Array<string> = []
        const deadlines = new DeadlineLists(hands.keeper)
        deadlines.set(60_000, () => struck.push("minute"))
        deadlines.set(1000, () => struck.push("second"))
        run(hands, 500)
        hands.wall += jump
        deadlines.set(1000, () => struck.push("second, set after the jump"))
        run(hands, 501)
        assert.deepStrictEqual(struck, ["second"])
        run(hands, 1000)
        assert.deepStrictEqual(struck, ["second", "second, set after the jump"])
        run(hands, 57_000)
        assert.strictEqual(struck.length, 2)
        run(hands, 2000)
        assert.deepStrictEqual(struck.slice(2), ["minute"])
      })
    )
  }

  it(
    "that comes due ten milliseconds late or less strikes at once",
    withTimers((hands) => {
      let struck = 0
      new DeadlineLists(hands.keeper).set(1000, () => struck++)
      run(hands, 999)
      hands.pass(10)
      assert.strictEqual(struck, 0)
      run(hands, 1)
      assert.strictEqual(struck, 1)
    })
  )

  it(
    "that comes due later, because the loop was blocked, is given the time back, once, and then a poll",
    withTimers((hands) => {
      let struck = 0
      new DeadlineLists(hands.keeper).set(1000, () => struck++)
      run(hands, 900)
      hands.pass(500)
      run(hands, 100)
      // 500 ms late.
      assert.strictEqual(struck, 0)
      run(hands, 499)
      assert.strictEqual(struck, 0)
      // And blocked again: once is enough.
      hands.pass(5000)
      run(hands, 1)
      vi.runAllTimers()
      assert.strictEqual(struck, 1)
      run(hands, 10_000)
      assert.strictEqual(struck, 1)
    })
  )

  for (const isAnswered of [true, false]) {
    it(
      `strikes only after the loop has polled once more: ${isAnswered ? "what comes of that poll wins" : "if nothing comes of it"}`,
      withTimers((hands) => {
        const immediates: Array<() => void> = []
        vi.stubGlobal("setImmediate", (callback: () => void) => immediates.push(callback))
        try {
          let struck = 0
          const deadline = new DeadlineLists(hands.keeper).set(1000, () => struck++)
          hands.pass(2000)
          run(hands, 3000)
          assert.deepStrictEqual([struck, immediates.length], [0, 1])
          // Between the timers and the immediates the loop polls.
          if (isAnswered) deadline.clear()
          for (const immediate of immediates) immediate()
          run(hands, 5000)
          assert.strictEqual(struck, isAnswered ? 0 : 1)
        } finally {
          vi.unstubAllGlobals()
        }
      })
    )
  }

  it(
    "that is cleared while it is given the time back never strikes",
    withTimers((hands) => {
      let struck = 0
      const deadlines = new DeadlineLists(hands.keeper)
      const deadline = deadlines.set(1000, () => struck++)
      hands.pass(3000)
      run(hands, 1000)
      run(hands, 1000)
      deadline.clear()
      run(hands, 5000)
      vi.runAllTimers()
      assert.strictEqual(struck, 0)
    })
  )

  it(
    "holds back no nearer one that is set meanwhile for longer than its own time back",
    withTimers((hands) => {
      const struck: Array<string> = []
      const deadlines = new DeadlineLists(hands.keeper)
      deadlines.set(1000, () => struck.push("late"))
      hands.pass(300)
      run(hands, 1000)
      deadlines.set(50, () => struck.push("near"))
      run(hands, 299)
      assert.deepStrictEqual(struck, [])
      run(hands, 2)
      vi.advanceTimersByTime(1)
      assert.deepStrictEqual(struck, ["late", "near"])
    })
  )

  it(
    "replaced while it is given the time back rings for the new one alone; disarmed, for none",
    withTimers((hands) => {
      const rung: Array<string> = []
      hands.keeper.arm(100, () => rung.push("old"))
      hands.pass(100)
      run(hands, 100)
      hands.keeper.arm(10, () => rung.push("new"))
      run(hands, 1000)
      vi.runAllTimers()
      assert.deepStrictEqual(rung, ["new"])
      hands.keeper.arm(100, () => rung.push("never"))
      hands.pass(100)
      run(hands, 100)
      hands.keeper.disarm()
      run(hands, 1000)
      vi.runAllTimers()
      assert.deepStrictEqual(rung, ["new"])
    })
  )
})

describe("When the clock has leapt, as it does when a machine has slept", () => {
  /** A pool on a fake network whose time is the test's. Turns end only when the test polls. */
  const asleep = (
    tell: (here: {
      readonly hands: Hands
      readonly pool: Interpreter
      readonly network: FakeNetwork.FakeNetworkShape
      readonly story: Story.Story
    }) => Effect.Effect<void, unknown, Scope.Scope>
  ) =>
    Effect.gen(function* () {
      const hands = new Hands()
      const settings = Settings.resolve(
        Settings.complete({ connectionTimeout: "1 hour", idleTimeout: "1 hour", maxLifetime: "1 day" })
      )
      const connections = yield* Scope.make(ExecutionStrategy.sequential)
      yield* Effect.addFinalizer(() => Scope.close(connections, Exit.void))
      const runtime = yield* Effect.runtime<never>()
      const connector = yield* Connector.Connector
      const pool = new Interpreter(settings, hands.keeper, runtime, () => 0, connector, connections)
      yield* Effect.addFinalizer(() => Effect.sync(() => pool.deadlines.close()))
      yield* tell({ hands, pool, network: yield* FakeNetwork.FakeNetwork, story: yield* Story.make })
    }).pipe(Effect.scoped, Effect.provide(FakeNetwork.layerWith({ autoAccept: true, manualTurns: true })))

  const asked = (pool: Interpreter): Asked => {
    const request = new Asked("request")
    pool.request(a, request)
    return request
  }

  const used = (pool: Interpreter, network: FakeNetwork.FakeNetworkShape, n: number) =>
    Effect.gen(function* () {
      const requests = Array.from({ length: n }, () => asked(pool))
      yield* network.settle
      for (const { held } of requests) {
        exchange(held, network)
        held.settle(Lease.Reusable())
      }
      yield* network.poll
      return requests.map((request) => socketOf(request.held, network))
    })

  it.effect("connections that were idle meanwhile rest for a turn before they are used; later ones do not", () =>
    asleep(({ hands, network, pool }) =>
      Effect.gen(function* () {
        const [first] = yield* used(pool, network, 2)
        hands.pass(1000)
        const before = asked(pool)
        assert.isFalse(before.held.resting)
        before.held.settle(Lease.Reusable())
        hands.pass(1000)
        hands.wall += 5001
        const one = asked(pool)
        assert.isTrue(one.held.resting)
        assert.notStrictEqual(socketOf(one.held, network), first)
        yield* network.poll
        assert.isFalse(one.held.resting)
        one.held.settle(Lease.Reusable())
        const other = asked(pool)
        assert.isTrue(other.held.resting)
        hands.pass(1000)
        // This one has come back since.
        const again = asked(pool)
        assert.strictEqual(again.held.connection, one.held.connection)
        assert.isFalse(again.held.resting)
      })
    )
  )

  it.effect("an end that had come meanwhile is seen, and the request moves on to another connection", () =>
    asleep(({ hands, network, pool, story }) =>
      Effect.gen(function* () {
        const [first] = yield* used(pool, network, 1)
        hands.pass(1000)
        hands.wall += 600_000
        first?.endLater()
        const part = yield* story.start("request", Taking.acquire(pool, a))
        yield* story.expectWaiting(part)
        yield* network.poll
        yield* network.poll
        const connection = yield* story.expectDone(part)
        assert.notStrictEqual(connection, first?.connection)
        assert.isTrue(connection.isOpen)
        assert.strictEqual(first?.destroyed, "PeerClosed")
      })
    )
  )

  it.effect("who waited meanwhile has waited no longer than time has passed; connections have aged", () =>
    asleep(({ hands, network, pool }) =>
      Effect.gen(function* () {
        yield* used(pool, network, 1)
        const holder = asked(pool)
        const waiting = asked(pool)
        hands.pass(2000)
        hands.wall += 600_000
        yield* network.settle
        assert.strictEqual(Duration.toMillis(waiting.held.waited), 2000)
        holder.held.settle(Lease.Reusable())
        hands.pass(1000)
        const next = asked(pool)
        assert.strictEqual(next.held.connection, holder.held.connection)
        assert.strictEqual(Duration.toMillis(next.held.idle), 1000)
        assert.strictEqual(Duration.toMillis(next.held.age), 603_000)
      })
    )
  )

  it.effect("a clock that runs ahead little by little ages connections as well", () =>
    asleep(({ hands, network, pool }) =>
      Effect.gen(function* () {
        const [first] = yield* used(pool, network, 1)
        for (let i = 0; i < 1800; i++) {
          hands.wall += 2000
          hands.keeper.now()
        }
        const next = asked(pool)
        yield* network.settle
        assert.isFalse(next.held.reused)
        assert.strictEqual(first?.destroyed, "IdleTimeout")
        assert.strictEqual(hands.keeper.leaptAt, -Infinity)
      })
    )
  )

  it.effect("connections whose time has passed while the machine slept are passed over", () =>
    asleep(({ hands, network, pool }) =>
      Effect.gen(function* () {
        const [first] = yield* used(pool, network, 1)
        hands.wall += 3_600_000
        const next = asked(pool)
        yield* network.settle
        assert.isFalse(next.held.reused)
        assert.strictEqual(first?.destroyed, "IdleTimeout")
      })
    )
  )
})
