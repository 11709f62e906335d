/** Takes a profile of small GETs by our client, in a process of its own. */
import { fork } from "node:child_process"
import type { Profiler } from "node:inspector"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** What the process is to do. */
export interface Asked {
  /** Requests in the profile, and before it. */
  readonly requests: number
  readonly warmUp: number
  /** So many at a time, on as many connections. */
  readonly together: number
  readonly traced: boolean
  /** Microseconds between two samples. */
  readonly interval: number
}

export interface Told {
  readonly profile: Profiler.Profile
  /** Microseconds of CPU time of the whole process meanwhile: of the threads that collect garbage and compile, too. */
  readonly cpu: number
}

export class ProfilingFailed extends Data.TaggedError("ProfilingFailed")<{ readonly how: string }> {
  override get message(): string {
    return `The process that was profiled ended ${this.how}, before it had told its profile.`
  }
}

/** Runs the bundle and answers with what it told; the process ends with this one. */
export const profile = (bundle: string, asked: Asked): Effect.Effect<Told, ProfilingFailed> =>
  Effect.async((resume) => {
    let told: Told | undefined
    const child = fork(bundle, [JSON.stringify(asked)], {
      // Not those of this process, whose loader the child does not need.
      execArgv: ["--expose-gc"],
      serialization: "advanced",
      stdio: ["ignore", 2, 2, "ipc"]
    })
    const fail = (how: string) => resume(Effect.fail(new ProfilingFailed({ how })))
    child.once("error", (error) => fail(`with ${error.message}`))
    child.on("message", (message: Told) => {
      told = message
    })
    child.once("exit", (code, signal) => {
      if (code === 0 && told !== undefined) resume(Effect.succeed(told))
      else fail(signal === null ? `with status ${code}` : `by ${signal}`)
    })
    return Effect.sync(() => child.kill())
  })
