/** The far side, as the process of the client sees it. */
import { type ChildProcess, fork } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Ask, Ready, Report } from "./messages.js"

export class FarSideGone extends Data.TaggedError("FarSideGone")<{ readonly how: string }> {
  override get message(): string {
    return `The process of servers and proxies ended ${this.how}.`
  }
}

export interface FarSide extends Ready {
  readonly report: (unsent: ReadonlyArray<number>) => Effect.Effect<Report, FarSideGone>
}

/** Run from source, or built. */
const script = ["./farProcess.ts", "./farProcess.js"]
  .map((name) => fileURLToPath(new URL(name, import.meta.url)))
  .find((path) => existsSync(path))!

/** The next thing the process says. */
const said = <Message>(child: ChildProcess, ask: () => void): Effect.Effect<Message, FarSideGone> =>
  Effect.async((resume) => {
    const gone = (code: number | null, signal: string | null) =>
      resume(Effect.fail(new FarSideGone({ how: signal === null ? `with status ${code}` : `by ${signal}` })))
    child.once("exit", gone)
    child.once("message", (message: Message) => {
      child.off("exit", gone)
      resume(Effect.succeed(message))
    })
    ask()
  })

export const start = (seed: number): Effect.Effect<FarSide, FarSideGone, Scope.Scope> =>
  Effect.gen(function* () {
    // With this process's own flags: they hold the loader, where the source is run.
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(script, [String(seed)])),
      (started) =>
        Effect.async<void>((resume) => {
          if (started.exitCode !== null || started.signalCode !== null) return resume(Effect.void)
          started.once("exit", () => resume(Effect.void))
          started.kill("SIGKILL")
        })
    )
    const ready = yield* said<Ready>(child, () => {})
    return {
      ...ready,
      report: (unsent) => {
        const ask: Ask = { _tag: "Ask", unsent }
        return said<Report>(child, () => child.send(ask))
      }
    }
  })
