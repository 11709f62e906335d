/** Runs a measure in a process of its own, which ends with this one. */
import { fork } from "node:child_process"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Finding } from "./findings.js"
import type { Effort } from "./Measure.js"
import { type Name, titles } from "./measures/names.js"
import type { Message } from "./messages.js"
import type { Table } from "./Report.js"

export class MeasureFailed extends Data.TaggedError("MeasureFailed")<{ readonly name: Name; readonly how: string }> {
  override get message(): string {
    return `The measure "${this.name}" ended ${this.how}, before it had told its findings.`
  }
}

/** All that a measure told. */
export interface Outcome {
  readonly name: Name
  readonly title: string
  readonly seconds: number
  readonly tables: ReadonlyArray<Table>
  readonly remarks: ReadonlyArray<string>
  readonly findings: ReadonlyArray<Finding>
}

export interface Options extends Effort {
  /** A folder to write profiles of CPU time to. */
  readonly profile?: string | undefined
  /** Called with each message as it comes. */
  readonly onMessage?: (message: Message) => void
}

/** Flags of Node.js that a measure needs beyond those that all have. */
const flags: Partial<Record<Name, ReadonlyArray<string>>> = {
  // So much memory (MiB) that none is collected while allocations are counted.
  allocations: ["--min-semi-space-size=256", "--max-semi-space-size=256"]
}

export const run = (
  bundle: string,
  name: Name,
  { onMessage, profile, quick }: Options
): Effect.Effect<Outcome, MeasureFailed> =>
  Effect.async((resume) => {
    const since = performance.now()
    const tables: Array<Table> = []
    const remarks: Array<string> = []
    let findings: ReadonlyArray<Finding> | undefined
    const child = fork(bundle, [name, quick ? "quick" : "full"], {
      // Not those of this process, whose loader the child does not need.
      execArgv: [
        "--expose-gc",
        ...(flags[name] ?? []),
        ...(profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`])
      ],
      // As JSON a figure that could not be taken would be null.
      serialization: "advanced",
      stdio: ["ignore", 2, 2, "ipc"]
    })
    const fail = (how: string) => resume(Effect.fail(new MeasureFailed({ name, how })))
    child.once("error", (error) => fail(`with ${error.message}`))
    child.on("message", (message: Message) => {
      if (message._tag === "Table") tables.push(message.table)
      else if (message._tag === "Remark") remarks.push(message.line)
      else findings = message.findings
      onMessage?.(message)
    })
    child.once("exit", (code, signal) => {
      if (code === 0 && findings !== undefined) {
        const seconds = (performance.now() - since) / 1000
        resume(Effect.succeed({ name, title: titles[name], seconds, tables, remarks, findings }))
      } else fail(signal === null ? `with status ${code}` : `by ${signal}`)
    })
    return Effect.sync(() => child.kill())
  })
