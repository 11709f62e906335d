/** A policy that is an effect: waited for, left when its dial is given up, and never taken for a yes. */
import { assert, describe, it } from "@effect/vitest"
import { EgressPolicy, NodeConnector } from "@hotaru/node"
import { Effect, Fiber, Queue } from "effect"
import { denial, dialling, heldTimers, names, noSocketsLeft, openSockets, plain } from "../support/dialling.js"
import { listen } from "../support/servers.js"

describe("a policy that is an effect", () => {
  const key = (port: number) => plain(port, "127.0.0.1")

  it.scoped("is waited for, before anything is dialled", () =>
    Effect.gen(function* () {
      const { acceptedCount, port } = yield* listen()
      const verdicts = yield* Queue.unbounded<EgressPolicy.Verdict>()
      const asked = yield* Queue.unbounded<EgressPolicy.Destination>()
      const egress = EgressPolicy.fromFunction("asks", (destination) =>
        Effect.zipRight(Queue.offer(asked, destination), Queue.take(verdicts))
      )
      const connector = yield* NodeConnector.make({ egress })
      yield* noSocketsLeft
      const before = openSockets()
      const dial = yield* Effect.fork(connector.connect(key(port)))
      yield* Queue.take(asked)
      assert.deepStrictEqual([openSockets(), acceptedCount()], [before, 0])
      yield* Queue.offer(verdicts, EgressPolicy.allowed)
      const { facts } = yield* Fiber.join(dial)
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
      yield* Queue.offer(verdicts, EgressPolicy.denied("on second thoughts"))
      assert.strictEqual((yield* denial(connector, key(port))).rule, "on second thoughts")
    })
  )

  it.scoped("is interrupted with its dial, and what it says then opens nothing", () =>
    Effect.gen(function* () {
      const { acceptedCount, port } = yield* listen()
      const asked = yield* Queue.unbounded<void>()
      const left = yield* Queue.unbounded<void>()
      const egress = EgressPolicy.fromFunction("slow", () =>
        Queue.offer(asked, undefined).pipe(
          Effect.zipRight(Effect.never),
          Effect.onInterrupt(() => Queue.offer(left, undefined))
        )
      )
      const connector = yield* NodeConnector.make({ egress })
      const dial = yield* Effect.fork(Effect.scoped(connector.connect(key(port))))
      yield* Queue.take(asked)
      yield* Fiber.interrupt(dial)
      yield* Queue.take(left)
      yield* noSocketsLeft
      assert.strictEqual(acceptedCount(), 0)
    })
  )

  it.scoped(
    "says nothing about an address that waits for it: the next is tried, and this one is not held to be silent",
    () =>
      Effect.gen(function* () {
        const { port } = yield* listen({ host: "0.0.0.0" })
        const resolver = names({ "api.test": ["127.0.0.3", "127.0.0.4"] })
        let slow = true
        const egress = EgressPolicy.fromFunction("slow for .3", (destination) =>
          slow && destination._tag === "Address" && destination.address === "127.0.0.3"
            ? Effect.never
            : EgressPolicy.allowed
        )
        const { delays, fire, later } = heldTimers()
        const connector = yield* dialling({ resolver, egress }, later)
        const dial = yield* Effect.fork(connector.connect(plain(port, "api.test")))
        yield* Effect.repeatN(Effect.yieldNow(), 10)
        assert.deepStrictEqual(delays(), [250])
        fire()
        assert.strictEqual((yield* Fiber.join(dial)).facts.remoteAddress, "127.0.0.4")
        slow = false
        // The second dial begins one further, the third with .3 again: had it failed, it would go last.
        yield* connector.connect(plain(port, "api.test"))
        const third = yield* connector.connect(plain(port, "api.test"))
        assert.strictEqual(third.facts.remoteAddress, "127.0.0.3")
      })
  )

  const broken: ReadonlyArray<readonly [string, EgressPolicy.EgressPolicyShape["judge"]]> = [
    [
      "throws",
      () => {
        throw new Error("no list")
      }
    ],
    ["dies", () => Effect.die(new Error("no list"))],
    ["fails", () => Effect.fail(new Error("no list")) as never],
    ["is interrupted", () => Effect.interrupt],
    ["answers nothing", () => undefined as never],
    ["answers true", () => true as never],
    ["answers something else", () => ({ _tag: "Maybe" }) as never],
    ["answers something else in the end", () => Effect.succeed("Allowed" as never)]
  ]
  it.scoped.each(broken)("denies when it %s", ([, judge]) =>
    Effect.gen(function* () {
      const { acceptedCount, port } = yield* listen()
      const connector = yield* NodeConnector.make({ egress: EgressPolicy.fromFunction("broken", judge) })
      const error = yield* denial(connector, key(port))
      assert.strictEqual(error.rule, "the policy gave no verdict")
      assert.strictEqual(acceptedCount(), 0)
    })
  )

  it.scoped("tells what it died of", () =>
    Effect.gen(function* () {
      const connector = yield* NodeConnector.make({
        egress: EgressPolicy.fromFunction("broken", () => Effect.die(new Error("no list")))
      })
      const error = yield* denial(connector, key(1))
      assert.strictEqual((error.denials[0].cause as Error).message, "no list")
    })
  )
})
