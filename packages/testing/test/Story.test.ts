import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, Connector } from "@hotaru/pool"
import { FakeNetwork, Story } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

const a = ConnectionKey.make({ host: "a.test", port: 80, useTls: false })
const b = ConnectionKey.make({ host: "b.test", port: 80, useTls: false })
const connect = (key: ConnectionKey.ConnectionKey) =>
  Effect.flatMap(Connector.Connector, (connector) => connector.connect(key))

type Needs = FakeNetwork.FakeNetwork | Connector.Connector | Scope.Scope

const tell = <A, E>(
  story: (story: Story.Story) => Effect.Effect<A, E, Needs>,
  options: FakeNetwork.FakeNetworkOptions = {}
) => Effect.flatMap(Story.make, story).pipe(Effect.scoped, Effect.provide(FakeNetwork.layerWith(options)))

/** The story must fail, and say this. */
const untrue = (expected: RegExp, story: (story: Story.Story) => Effect.Effect<unknown, unknown, Needs>) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(tell(story))
    if (Exit.isSuccess(exit)) return assert.fail("the story was told to its end")
    const failure = Cause.squash(exit.cause)
    assert.instanceOf(failure, Story.StoryFailed)
    assert.match((failure as Error).message, expected)
  })

class Oops extends Data.TaggedError("Oops")<{}> {}

describe("Story", () => {
  it.effect("a dial parks, succeeds, and its connection serves the one who asked", () =>
    tell((story) =>
      Effect.gen(function* () {
        const first = yield* story.start("first", connect(a))
        const second = yield* story.start("second", connect(b))
        const dialA = yield* story.expectDial(a)
        const dialB = yield* story.expectDial(b)
        yield* story.expectNoDial
        yield* story.expectWaiting("first", "second")
        const c2 = yield* story.dialSucceeds(dialB)
        yield* story.expectServes(c2, second)
        yield* story.expectWaiting("first")
        const c1 = yield* story.dialSucceeds(dialA)
        const connection = yield* story.expectServes(c1, first)
        yield* story.expectNothingWritten(c1)
        connection.write("GET /x HTTP/1.1\r\nhost: a.test\r\n\r\n")
        const request = yield* story.expectRequest(c1, "/x")
        assert.strictEqual(request.header("host"), "a.test")
        yield* story.expectNothingWritten(c1)
        yield* story.expectOpen(c1, c2)
        connection.destroy("done with it")
        yield* story.expectClosed(c1, "done with it")
        assert.deepStrictEqual(story.transcript.slice(0, 4), [
          "first starts",
          "second starts",
          "expect a dial to http://a.test:80",
          "expect a dial to http://b.test:80"
        ])
        assert.include(story.transcript, "expect c2 to serve second")
      })
    )
  )

  it.effect("parts fail, succeed, are interrupted, and wait for the clock", () =>
    tell((story) =>
      Effect.gen(function* () {
        const failing = yield* story.start("failing", Effect.fail(new Oops()))
        const error: Oops = yield* story.expectFailed(failing, "Oops")
        assert.instanceOf(error, Oops)
        const done = yield* story.start("done", Effect.as(Effect.yieldNow(), 7))
        const seven: number = yield* story.expectDone(done)
        assert.strictEqual(seven, 7)
        assert.strictEqual(yield* story.expectDone("done"), 7)
        const sleeper = yield* story.start("sleeper", Effect.sleep("2 seconds"))
        yield* story.advance("1999 millis")
        yield* story.expectWaiting(sleeper)
        yield* story.advance("1 millis")
        yield* story.expectDone("sleeper")
        yield* story.start("dial", connect(a))
        const dial = yield* story.expectDial()
        yield* story.interrupt("dial")
        yield* story.expectInterrupted("dial")
        yield* story.expectDialInterrupted(dial)
        yield* story.start("refused", connect(a))
        yield* story.dialFails(yield* story.expectDial(a))
        yield* story.expectFailed("refused", "ConnectError")
        yield* story.note("that was all")
        assert.strictEqual(story.transcript.at(-1), "(that was all)")
      })
    )
  )

  it.effect("what happens only after many turns and yields is not missed, nor waited for by luck", () =>
    tell((story) =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        network.autoAccept()
        const connection = yield* connect(a)
        yield* network.nextDial
        network.park()
        yield* story.start(
          "slow",
          Effect.zipRight(
            Effect.repeatN(Effect.zipRight(Effect.repeatN(Effect.yieldNow(), 500), connection.turn), 20),
            connect(b)
          )
        )
        yield* story.expectDial(b)
      })
    )
  )

  it.effect("a part that yields thousands of times is still on its way, not waiting", () =>
    tell((story) =>
      Effect.gen(function* () {
        yield* story.start("busy", Effect.zipRight(Effect.repeatN(Effect.yieldNow(), 50_000), connect(a)))
        yield* story.expectDial(a)
      })
    )
  )

  it.effect("untrue statements fail with what was found and the story so far", () =>
    Effect.all([
      untrue(/^expect a dial: nothing was dialled\nThe story so far:\n {2}expect a dial$/, (story) =>
        story.expectDial()
      ),
      untrue(/expect a dial to http:\/\/b\.test:80: the next dial is to http:\/\/a\.test:80/, (story) =>
        Effect.zipRight(story.start("x", connect(a)), story.expectDial(b))
      ),
      untrue(/expect no dial: dial 1 to http:\/\/a\.test:80 has begun/, (story) =>
        Effect.zipRight(story.start("x", connect(a)), story.expectNoDial)
      ),
      untrue(/expect x to wait: x is done/, (story) =>
        Effect.zipRight(story.start("x", Effect.void), story.expectWaiting("x"))
      ),
      untrue(/expect x to be done: it waits/, (story) =>
        Effect.zipRight(story.start("x", Effect.never), story.expectDone("x"))
      ),
      untrue(/expect x to be done: it failed: .*Oops/s, (story) =>
        Effect.zipRight(story.start("x", Effect.fail(new Oops())), story.expectDone("x"))
      ),
      untrue(/expect x to have failed with Other: it failed/, (story) =>
        Effect.zipRight(story.start("x", Effect.fail(new Oops())), story.expectFailed("x", "Other"))
      ),
      untrue(/expect x to have failed: it failed: .*boom/s, (story) =>
        Effect.zipRight(story.start("x", Effect.dieMessage("boom")), story.expectFailed("x"))
      ),
      untrue(/expect x to have been interrupted: it is done/, (story) =>
        Effect.zipRight(story.start("x", Effect.void), story.expectInterrupted("x"))
      ),
      untrue(/expect y to wait: nothing was started as y/, (story) => story.expectWaiting("y")),
      untrue(/x starts: a part of this name was started before/, (story) =>
        Effect.repeatN(story.start("x", Effect.void), 1)
      ),
      untrue(/expect c1 to serve y: c2 serves it/, (story) =>
        Effect.gen(function* () {
          yield* story.start("x", connect(a))
          yield* story.start("y", connect(a))
          const c1 = yield* story.dialSucceeds(yield* story.expectDial())
          yield* story.dialSucceeds(yield* story.expectDial())
          yield* story.expectServes(c1, "y")
        })
      ),
      untrue(/expect c1 to be open: c1 was closed: bye/, (story) =>
        Effect.gen(function* () {
          yield* story.start("x", connect(a))
          const c1 = yield* story.dialSucceeds(yield* story.expectDial())
          c1.connection.destroy("bye")
          yield* story.expectOpen(c1)
        })
      ),
      untrue(/expect nothing written on c1: "a\\r"/, (story) =>
        Effect.gen(function* () {
          yield* story.start("x", connect(a))
          const c1 = yield* story.dialSucceeds(yield* story.expectDial())
          c1.connection.write("a\r")
          yield* story.expectNothingWritten(c1)
        })
      ),
      untrue(/expect a request on c1: what has reached the server is "GET \/"/, (story) =>
        Effect.gen(function* () {
          yield* story.start("x", connect(a))
          const c1 = yield* story.dialSucceeds(yield* story.expectDial())
          c1.connection.write("GET /")
          yield* story.expectRequest(c1)
        })
      ),
      untrue(/restless starts: restless does not come to rest/, (story) =>
        story.start("restless", Effect.forever(Effect.yieldNow()))
      ),
      untrue(/expect c1 to be closed: it is open/, (story) =>
        Effect.gen(function* () {
          yield* story.start("x", connect(a))
          const c1 = yield* story.dialSucceeds(yield* story.expectDial())
          yield* story.expectClosed(c1)
        })
      )
    ])
  )
})
