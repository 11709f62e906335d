/** How far something got: a bar that moves on a terminal, a line at every quarter elsewhere. */
import { SingleBar } from "cli-progress"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Colors } from "picocolors/types.js"
import { plural } from "./numbers.js"

export interface Step {
  readonly done: number
  readonly open: number
  readonly limit: number
  readonly waiting: number
}

export interface Progress {
  readonly show: (step: Step) => Effect.Effect<void>
}

export const describe = (step: Step): string =>
  `${step.open} of at most ${plural(step.limit, "connection")} open, ${step.waiting} waiting`

export const live =
  (colours: Colors) =>
  (total: number): Effect.Effect<Progress, never, Scope.Scope> =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const bar = new SingleBar({
            format: `  ${colours.green("{bar}")} {value}/{total}  {state}`,
            barCompleteChar: "█",
            barIncompleteChar: "░",
            barsize: 20,
            fps: 30,
            hideCursor: true,
            stream: process.stdout
          })
          bar.start(total, 0, { state: "" })
          return bar
        }),
        (bar) => Effect.sync(() => bar.stop())
      ),
      (bar) => ({ show: (step) => Effect.sync(() => bar.update(step.done, { state: describe(step) })) })
    )

export const plain =
  (print: (line: string) => Effect.Effect<void>) =>
  (total: number): Effect.Effect<Progress> =>
    Effect.sync(() => {
      let shown = 0
      return {
        show: (step) =>
          Effect.suspend(() => {
            const quarter = Math.floor((step.done / total) * 4)
            if (quarter <= shown) return Effect.void
            shown = quarter
            return print(`  ${step.done} of ${plural(total, "request")} done, ${describe(step)}`)
          })
      }
    })
