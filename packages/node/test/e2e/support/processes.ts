/** Servers in processes of their own, so that what they do comes while the client's loop is busy. */
import { type ChildProcess, fork } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Served {
  readonly port: number
  readonly url: string
  readonly child: ChildProcess
  /** Asks the process for what it has to say. */
  readonly report: Effect.Effect<unknown>
}

/** The next thing a process says; its end is a defect. */
const said = (child: ChildProcess, ask: () => void): Effect.Effect<unknown> =>
  Effect.async((resume) => {
    const gone = (code: number | null) => resume(Effect.dieMessage(`the process ended with ${code}`))
    child.once("exit", gone)
    child.once("message", (message) => {
      child.off("exit", gone)
      resume(Effect.succeed(message))
    })
    ask()
  })

/** Runs one of the fixtures, which says its port first, until the scope closes. */
export const served = (
  fixture: string,
  args: ReadonlyArray<string | number> = []
): Effect.Effect<Served, never, Scope.Scope> =>
  Effect.gen(function* () {
    const path = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(path, args.map(String), { execArgv: [] })),
      (started) =>
        Effect.async<void>((resume) => {
          if (started.exitCode !== null || started.signalCode !== null) return resume(Effect.void)
          started.once("exit", () => resume(Effect.void))
          started.kill("SIGKILL")
        })
    )
    const port = Number(yield* said(child, () => {}))
    return { port, url: `http://127.0.0.1:${port}`, child, report: said(child, () => child.send("report")) }
  })

/** Holds the event loop up until something outside of this process has happened. */
export const blockUntil = (holds: () => boolean): void => {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  for (let millis = 0; !holds(); millis++) {
    if (millis === 5000) throw new Error("what was waited for has not happened within 5 seconds")
    Atomics.wait(cell, 0, 0, 1)
  }
}

/** Kills a process; when this answers its sockets are closed, and nothing of that has been seen by this loop. */
export const killNow = (child: ChildProcess): void => {
  child.kill("SIGKILL")
  // It stays a zombie until the loop hears of its end. Its descriptors are closed once the last of its threads is gone.
  blockUntil(
    () =>
      /^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${child.pid}/stat`, "latin1")) &&
      readdirSync(`/proc/${child.pid}/task`).length === 1
  )
}
