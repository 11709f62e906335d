/**
 * The story language. Each statement writes itself down, settles, looks, and dies with the whole story if it is untrue.
 */
import type { ConnectionFacts } from "@hotaru/pool/Connection"
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberStatus from "effect/FiberStatus"
import * as TestClock from "effect/TestClock"
import type { DialFailure, FakeDial, FakeNetworkShape } from "../FakeNetwork.js"
import type { FakeSocket } from "../FakeSocket.js"
import type { Part, Story } from "../Story.js"
import type { WireRequest } from "../Wire.js"
import { toLatin1 } from "./bytes.js"
import { StoryFailed } from "./storyFailed.js"
import { parseRequest } from "./wireRequest.js"

interface RunningPart extends Part {
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
}

const maxRounds = 200

class StoryImpl implements Story {
  readonly transcript: Array<string> = []
  private readonly parts = new Map<string, RunningPart>()
  private readonly names = new Map<FakeSocket, string>()

  constructor(private readonly network: FakeNetworkShape) {}

  start<A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<Part<A, E>, never, R> {
    return this.say(`${name} starts`, () => {
      if (this.parts.has(name)) return this.fail("a part of this name was started before")
      return Effect.flatMap(Effect.fork(effect), (fiber) => {
        const part = {
          name,
          fiber,
          get exit() {
            return fiber.unsafePoll() ?? undefined
          }
        }
        this.parts.set(name, part)
        return Effect.as(this.settle, part)
      })
    })
  }

  interrupt(part: string | Part): Effect.Effect<void> {
    return this.say(`${nameOf(part)} is interrupted`, () =>
      Effect.flatMap(this.find(part), ({ fiber }) => Effect.zipRight(Fiber.interrupt(fiber), this.settle))
    )
  }

  advance(duration: Duration.DurationInput): Effect.Effect<void> {
    return this.say(`${Duration.format(duration)} pass`, () => Effect.zipRight(TestClock.adjust(duration), this.settle))
  }

  get poll(): Effect.Effect<void> {
    return this.say("the event loop polls", () => this.network.poll)
  }

  get settle(): Effect.Effect<void> {
    return this.rest(0)
  }

  /** A fiber that yields very often gives way to timers now and then: only when each part waits has all come to rest. */
  private rest(rounds: number): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      yield* this.network.settle
      for (const { exit, fiber, name } of this.parts.values()) {
        if (exit !== undefined || FiberStatus.isSuspended(yield* Fiber.status(fiber))) continue
        if (rounds >= maxRounds) return yield* this.fail(`${name} does not come to rest`)
        return yield* this.rest(rounds + 1)
      }
    })
  }

  note(text: string): Effect.Effect<void> {
    return this.say(`(${text})`, () => Effect.void)
  }

  expectDial(key?: ConnectionKey): Effect.Effect<FakeDial> {
    return this.expect(`expect a dial${key === undefined ? "" : ` to ${key}`}`, () => {
      const dial = this.network.untaken[0]
      if (dial === undefined) return this.fail("nothing was dialled")
      if (key !== undefined && !Equal.equals(key, dial.key)) return this.fail(`the next dial is to ${dial.key}`)
      return this.network.nextDial
    })
  }

  get expectNoDial(): Effect.Effect<void> {
    return this.expect("expect no dial", () => {
      const dial = this.network.untaken[0]
      return dial === undefined ? Effect.void : this.fail(`dial ${dial.number} to ${dial.key} has begun`)
    })
  }

  expectDialInterrupted(dial: FakeDial): Effect.Effect<void> {
    return this.expect(`expect dial ${dial.number} to be given up`, () =>
      dial.interrupted ? Effect.void : this.fail(`it is ${dial.state}`)
    )
  }

  dialSucceeds(dial: FakeDial, facts?: ConnectionFacts): Effect.Effect<FakeSocket> {
    return this.say(`dial ${dial.number} succeeds: c${dial.number}`, () => {
      if (dial.state !== "pending") return this.fail(`it is ${dial.state}`)
      const socket = dial.succeed(facts)
      this.names.set(socket, `c${dial.number}`)
      return Effect.as(this.settle, socket)
    })
  }

  dialFails(dial: FakeDial, failure?: DialFailure): Effect.Effect<void> {
    return this.say(`dial ${dial.number} fails`, () => {
      if (dial.state !== "pending") return this.fail(`it is ${dial.state}`)
      dial.fail(failure)
      return this.settle
    })
  }

  expectWaiting(...parts: ReadonlyArray<string | Part>): Effect.Effect<void> {
    return this.expect(`expect ${parts.map(nameOf).join(", ")} to wait`, () =>
      Effect.forEach(
        parts,
        (part) =>
          Effect.flatMap(this.find(part), ({ exit, name }) =>
            exit === undefined ? Effect.void : this.fail(`${name} ${tell(exit)}`)
          ),
        {
          discard: true
        }
      )
    )
  }

  expectDone<A>(part: string | Part<A>): Effect.Effect<A> {
    return this.expect(`expect ${nameOf(part)} to be done`, () => this.value(part))
  }

  expectFailed<E>(part: string | Part<unknown, E>, tag?: string): Effect.Effect<E> {
    return this.expect(`expect ${nameOf(part)} to have failed${tag === undefined ? "" : ` with ${tag}`}`, () =>
      Effect.flatMap(this.find(part), ({ exit }) => {
        if (exit === undefined) return this.fail("it waits")
        if (Exit.isSuccess(exit)) return this.fail(`it ${tell(exit)}`)
        const error = Cause.failureOption(exit.cause)
        if (error._tag === "None") return this.fail(`it ${tell(exit)}`)
        const found = (error.value as { readonly _tag?: unknown } | null)?._tag
        return tag === undefined || found === tag ? Effect.succeed(error.value as E) : this.fail(`it ${tell(exit)}`)
      })
    )
  }

  expectInterrupted(part: string | Part): Effect.Effect<void> {
    return this.expect(`expect ${nameOf(part)} to have been interrupted`, () =>
      Effect.flatMap(this.find(part), ({ exit }) => {
        if (exit === undefined) return this.fail("it waits")
        return Exit.isInterrupted(exit) ? Effect.void : this.fail(`it ${tell(exit)}`)
      })
    )
  }

  expectServes<A>(socket: FakeSocket, part: string | Part<A>): Effect.Effect<A> {
    return this.expect(`expect ${this.called(socket)} to serve ${nameOf(part)}`, () =>
      Effect.flatMap(this.value(part), (value) => {
        const holder = value as { readonly connection?: unknown } | null
        const connection =
          typeof holder === "object" && holder !== null && "connection" in holder ? holder.connection : holder
        if (connection === socket.connection) return Effect.succeed(value)
        const other = this.network.sockets.find((one) => one.connection === connection)
        return this.fail(
          other === undefined
            ? "its value is neither a lease nor a connection of this network"
            : `${this.called(other)} serves it`
        )
      })
    )
  }

  expectRequest(socket: FakeSocket, target?: string): Effect.Effect<WireRequest> {
    return this.expect(
      `expect a request${target === undefined ? "" : ` for ${target}`} on ${this.called(socket)}`,
      () => {
        const parsed = parseRequest(socket.untaken)
        if (parsed === undefined)
          return this.fail(`what has reached the server is ${JSON.stringify(toLatin1(socket.untaken))}`)
        if (target !== undefined && parsed.request.target !== target)
          return this.fail(`it is for ${parsed.request.target}`)
        return Effect.orDie(socket.takeRequest)
      }
    )
  }

  expectNothingWritten(socket: FakeSocket): Effect.Effect<void> {
    return this.expect(`expect nothing written on ${this.called(socket)}`, () =>
      socket.untaken.length === 0 ? Effect.void : this.fail(JSON.stringify(toLatin1(socket.untaken)))
    )
  }

  expectOpen(...sockets: ReadonlyArray<FakeSocket>): Effect.Effect<void> {
    return this.expect(`expect ${sockets.map((socket) => this.called(socket)).join(", ")} to be open`, () => {
      const closed = sockets.find((socket) => socket.destroyed !== undefined)
      return closed === undefined ? Effect.void : this.fail(`${this.called(closed)} was closed: ${closed.destroyed}`)
    })
  }

  expectClosed(socket: FakeSocket, reason?: string): Effect.Effect<void> {
    return this.expect(`expect ${this.called(socket)} to be closed${reason === undefined ? "" : `: ${reason}`}`, () => {
      if (socket.destroyed === undefined) return this.fail("it is open")
      return reason === undefined || socket.destroyed === reason
        ? Effect.void
        : this.fail(`it was closed: ${socket.destroyed}`)
    })
  }

  private say<A, E, R>(statement: string, act: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      this.transcript.push(statement)
      return act()
    })
  }

  private expect<A>(statement: string, look: () => Effect.Effect<A>): Effect.Effect<A> {
    return this.say(statement, () => Effect.zipRight(this.settle, Effect.suspend(look)))
  }

  private fail(found: string): Effect.Effect<never> {
    return Effect.die(
      new StoryFailed(this.transcript[this.transcript.length - 1] ?? "", found, this.transcript.slice())
    )
  }

  private find(part: string | Part): Effect.Effect<RunningPart> {
    const found = this.parts.get(nameOf(part))
    return found === undefined ? this.fail(`nothing was started as ${nameOf(part)}`) : Effect.succeed(found)
  }

  private value<A>(part: string | Part<A>): Effect.Effect<A> {
    return Effect.flatMap(this.find(part), ({ exit }) => {
      if (exit === undefined) return this.fail("it waits")
      return Exit.isSuccess(exit) ? Effect.succeed(exit.value as A) : this.fail(`it ${tell(exit)}`)
    })
  }

  private called(socket: FakeSocket): string {
    const named = this.names.get(socket)
    if (named !== undefined) return named
    const dial = this.network.dials.find((one) => one.socket === socket)
    return dial === undefined ? `connection ${socket.id}` : `c${dial.number}`
  }
}

const nameOf = (part: string | Part): string => (typeof part === "string" ? part : part.name)

const tell = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit)
    ? "is done"
    : Exit.isInterrupted(exit)
      ? "was interrupted"
      : `failed: ${Cause.pretty(exit.cause)}`

export const makeStory = (network: FakeNetworkShape): Story => new StoryImpl(network)
