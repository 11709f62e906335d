/** Where the tour is shown. Colours and things that move are for a terminal; anything else gets plain lines. */
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import picocolors from "picocolors"
import type { Colors } from "picocolors/types.js"
import * as Progress from "./progress.js"
import { table } from "./table.js"

export class Screen extends Context.Tag("@hotaru/demo/Screen")<
  Screen,
  {
    readonly colours: Colors
    readonly print: (...lines: ReadonlyArray<string>) => Effect.Effect<void>
    readonly heading: (title: string) => Effect.Effect<void>
    readonly table: (
      head: ReadonlyArray<string>,
      rows: ReadonlyArray<ReadonlyArray<string | number>>
    ) => Effect.Effect<void>
    /** A display of `total` steps until the scope closes. */
    readonly progress: (total: number) => Effect.Effect<Progress.Progress, never, Scope.Scope>
  }
>() {}

export const make = (options: { readonly terminal: boolean; readonly colours: boolean }): Screen["Type"] => {
  const colours = picocolors.createColors(options.colours)
  const print = (...lines: ReadonlyArray<string>) => Console.log(lines.join("\n"))
  return {
    colours,
    print,
    heading: (title) => print("", colours.bold(colours.cyan(title))),
    table: (head, rows) => print("", ...table(head, rows, colours)),
    progress: options.terminal ? Progress.live(colours) : Progress.plain(print)
  }
}

/** `hasColors` reads NO_COLOR, TERM and what the terminal can do. */
export const layer = Layer.sync(Screen, () => {
  const terminal = process.stdout.isTTY === true
  return make({ terminal, colours: terminal && process.stdout.hasColors() })
})
