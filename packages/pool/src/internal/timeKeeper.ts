/**
 * Where the pool's time comes from: the clock it was made with.
 *
 * On the live clock the alarm is a timer of the event loop that keeps the process alive only while somebody waits for
 * it, and background fibers sleep on timers that never do. On any other clock (`TestClock`) both are fibers that sleep
 * on that clock.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import { type AsyncContext, none } from "../AsyncContexts.js"

export interface TimeKeeper {
  /** Milliseconds; never goes back. On the live clock it goes by the monotonic clock, whatever the wall clock does. */
  readonly now: () => number
  /** The time as it was last read, which costs nothing. */
  readonly latest: number
  /** The time at which the wall clock last leapt ahead of the monotonic one, as it does when a machine has slept. */
  readonly leaptAt: number
  /** By how much the wall clock had gone ahead of `now` when that was last read, at most. Never less than before. */
  readonly ahead?: number
  /** Rings once after `millis`; replaces the alarm before. */
  readonly arm: (millis: number, ring: () => void) => void
  readonly disarm: () => void
  /** From here on an armed alarm keeps the process alive, until `release`. */
  readonly hold: () => void
  readonly release: () => void
  /** The clock on which background fibers sleep. */
  readonly background: Clock.Clock
}

export const make = (clock: Clock.Clock, runtime: Runtime.Runtime<never>, root: AsyncContext): TimeKeeper =>
  isLive(clock) ? live(clock, () => performance.now(), root) : onClock(clock, runtime)

const isLive = (clock: Clock.Clock): boolean =>
  clock.constructor === Context.get(DefaultServices.liveServices, Clock.Clock).constructor

/** The longest delay a timer of the event loop can have (a signed 32-bit number of milliseconds). */
const longestDelay = 2 ** 31 - 1

interface Timer {
  ref?(): unknown
  unref?(): unknown
}

/** A clock that goes ahead of the monotonic one by more than this has leapt. Milliseconds. */
export const leap = 5000

/** `monotonic`: milliseconds that pass while the process runs. */
export const live = (clock: Clock.Clock, monotonic: () => number, root: AsyncContext = none.root): TimeKeeper => {
  const begun = clock.unsafeCurrentTimeMillis() - monotonic()
  let ahead = 0
  let latest = begun
  let leaptAt = -Infinity
  let timer: ReturnType<typeof setTimeout> | undefined
  let held = false
  const disarm = () => {
    clearTimeout(timer)
    timer = undefined
  }
  return {
    now: () => {
      const now = begun + monotonic()
      const lead = clock.unsafeCurrentTimeMillis() - now
      if (lead > ahead) {
        if (lead - ahead > leap) leaptAt = now
        ahead = lead
      }
      latest = now
      return now
    },
    get ahead() {
      return ahead
    },
    get latest() {
      return latest
    },
    get leaptAt() {
      return leaptAt
    },
    arm: (millis, ring) => {
      clearTimeout(timer)
      const delay = Math.min(Math.ceil(millis), longestDelay)
      const expected = monotonic() + delay
      const ringIfArmed = () => {
        if (timer === extended) ring()
      }
      let extended: typeof timer
      const onTimer = () => {
        const lateness = monotonic() - expected
        // A timer that fires late because the loop was blocked would fail what is done already but not yet told:
        // it is extended once by its lateness, and then the loop polls once more.
        timer = lateness > lateBy ? setTimeout(afterPoll, lateness, ringIfArmed) : undefined
        extended = timer
        if (timer === undefined) ring()
        else if (!held) (timer as Timer).unref?.()
      }
      timer = setTimeout(onTimer, delay)
      if (!held) (timer as Timer).unref?.()
    },
    disarm,
    hold: () => {
      held = true
      ;(timer as Timer | undefined)?.ref?.()
    },
    release: () => {
      held = false
      ;(timer as Timer | undefined)?.unref?.()
    },
    background: unheld(clock, root)
  }
}

interface EventLoop {
  readonly setImmediate?: (callback: () => void) => unknown
}

/** From a timer's callback the loop polls for input before immediates run. */
const afterPoll = (callback: () => void): void => {
  const { setImmediate } = globalThis as EventLoop
  if (setImmediate === undefined) setTimeout(callback, 0)
  else setImmediate(callback)
}

/** Milliseconds by which a timer may be late before it is given the time back. */
const lateBy = 10

/** The live clock, but sleeping on it does not keep the process alive. */
const unheld = (clock: Clock.Clock, root: AsyncContext): Clock.Clock => ({
  [Clock.ClockTypeId]: Clock.ClockTypeId,
  unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis(),
  unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
  currentTimeMillis: clock.currentTimeMillis,
  currentTimeNanos: clock.currentTimeNanos,
  sleep: (duration) =>
    Effect.async<void>((resume) => {
      const delay = Math.min(Duration.toMillis(duration), longestDelay)
      // A background fiber is no caller's, whoever woke it.
      const timer = root.run((delay) => setTimeout(() => resume(Effect.void), delay), delay)
      ;(timer as Timer).unref?.()
      return Effect.sync(() => clearTimeout(timer))
    })
})

const onClock = (clock: Clock.Clock, runtime: Runtime.Runtime<never>): TimeKeeper => {
  let last = clock.unsafeCurrentTimeMillis()
  let sleeper: Fiber.RuntimeFiber<void> | undefined
  const disarm = () => {
    sleeper?.unsafeInterruptAsFork(FiberId.none)
    sleeper = undefined
  }
  return {
    now: () => (last = Math.max(last, clock.unsafeCurrentTimeMillis())),
    get latest() {
      return last
    },
    leaptAt: -Infinity,
    arm: (millis, ring) => {
      disarm()
      sleeper = Runtime.runFork(runtime)(
        Effect.map(clock.sleep(Duration.millis(millis)), () => {
          // Ringing may arm anew, and must not interrupt the fiber it runs in.
          sleeper = undefined
          ring()
        })
      )
    },
    disarm,
    hold: () => {},
    release: () => {},
    background: clock
  }
}
