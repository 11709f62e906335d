/** Runs a measure in a process of its own, which ends with this one. */
import { fork } from "node:child_process"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Finding } from "./findings.js"
import type { Effort } from "./Measure.js"
import type { Name } from "./measures/names.js"

export class MeasureFailed extends Data.TaggedError("MeasureFailed")<{ readonly name: Name; readonly how: string }> {
  override get message(): string {
    return `The measure "${this.name}" ended ${this.how}, before it had told its findings.`
  }
}

export const run = (bundle: string, name: Name, effort: Effort): Effect.Effect<ReadonlyArray<Finding>, MeasureFailed> =>
  Effect.async((resume) => {
    let findings: ReadonlyArray<Finding> | undefined
    const child = fork(bundle, [name, effort.quick ? "quick" : "full"], {
      // Not those of this process, whose loader the child does not need.
      execArgv: ["--expose-gc"],
      stdio: "inherit"
    })
    const fail = (how: string) => resume(Effect.fail(new MeasureFailed({ name, how })))
    child.once("error", (error) => fail(`with ${error.message}`))
    child.once("message", (message) => {
      findings = message as ReadonlyArray<Finding>
    })
    child.once("exit", (code, signal) => {
      if (code === 0 && findings !== undefined) resume(Effect.succeed(findings))
      else fail(signal === null ? `with status ${code}` : `by ${signal}`)
    })
    return Effect.sync(() => child.kill())
  })
