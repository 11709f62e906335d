/** What the two commands have in common: plain text where no terminal reads, and a failure in one line. */
import { stripVTControlCharacters } from "node:util"
import type * as CliApp from "@effect/cli/CliApp"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The command ran, and what it looked for does not hold. The report of it has been printed. */
export class Failed extends Data.TaggedError("Failed")<{ readonly what: string }> {
  override get message(): string {
    return this.what
  }
}

const oneLine = (error: unknown): string => {
  const text = ValidationError.isValidationError(error)
    ? `${HelpDoc.toAnsiText(error.error).trim().replace(/\.?$/, ".")} Try --help.`
    : error instanceof Error
      ? error.message
      : String(error)
  return stripVTControlCharacters(text).replace(/\s+/g, " ").trim()
}

export const run = <Name extends string, E, A>(
  command: Command.Command<Name, CliApp.CliApp.Environment, E, A>,
  name: string,
  executable: string
): void => {
  // Whoever read the output has left (`| head`).
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit()
    throw error
  })
  const plain = (text: unknown) => (typeof text === "string" ? stripVTControlCharacters(text) : text)
  Effect.gen(function* () {
    const console = yield* Console.consoleWith(Effect.succeed)
    const quiet: Console.Console = {
      ...console,
      log: (...texts) => console.log(...(process.stdout.isTTY ? texts : texts.map(plain))),
      // The library prints a page about a bad argument before it fails; a failure is one line here (`oneLine`).
      error: () => Effect.void
    }
    yield* Console.withConsole(Command.run(command, { name, version: "0.0.0", executable })(process.argv), quiet)
  }).pipe(
    Effect.tapErrorCause((cause) =>
      Option.match(Cause.failureOption(cause), {
        onSome: (error) => Console.error(oneLine(error)),
        // No failure, then, but a bug: the whole of it.
        onNone: () => (Cause.isInterruptedOnly(cause) ? Effect.void : Console.error(Cause.pretty(cause)))
      })
    ),
    Effect.provide(NodeContext.layer),
    NodeRuntime.runMain({ disableErrorReporting: true })
  )
}
