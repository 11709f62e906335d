/** What the command lines of the private programs have in common: options, a failure in one line, the way they start and end. */
import { stripVTControlCharacters } from "node:util"
import type * as CliApp from "@effect/cli/CliApp"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Text, not `Options.integer` or `Options.float`, whose complaint does not name the option. */
const number = (name: string, what: string, form: RegExp, from: number, to: number): Options.Options<number> =>
  Options.text(name).pipe(
    Options.withPseudoName("n"),
    Options.filterMap(
      (text) => Option.filter(Option.some(Number(text)), (n) => form.test(text) && n >= from && n <= to),
      `--${name} must be a ${what} from ${from} to ${to}`
    )
  )

export const wholeNumber = (name: string, from: number, to: number): Options.Options<number> =>
  number(name, "whole number", /^\d+$/, from, to)

export const decimalNumber = (name: string, from: number, to: number): Options.Options<number> =>
  number(name, "number", /^\d+(\.\d+)?$/, from, to)

/**
 * The library prints a page about a bad argument before it fails, and colours its help for whoever reads it. Here a
 * failure is one line ({@link oneLine}), and colours are for a terminal.
 */
export const quietly =
  <E, R>(
    run: (args: ReadonlyArray<string>) => Effect.Effect<void, E, R>,
    colours: boolean = process.stdout.isTTY === true
  ) =>
  (args: ReadonlyArray<string>): Effect.Effect<void, E, R> =>
    Effect.flatMap(Console.consoleWith(Effect.succeed), (console) => {
      const plain = (text: unknown) => (typeof text === "string" ? stripVTControlCharacters(text) : text)
      return Console.withConsole(run(args), {
        ...console,
        log: (...texts) => console.log(...(colours ? texts : texts.map(plain))),
        error: () => Effect.void
      })
    })

/** A failure in one line. */
export const oneLine = (error: unknown): string => {
  const text = ValidationError.isValidationError(error)
    ? `${HelpDoc.toAnsiText(error.error).trim().replace(/\.?$/, ".")} Try --help.`
    : error instanceof Error
      ? error.message
      : String(error)
  return stripVTControlCharacters(text).replace(/\s+/g, " ").trim()
}

/** Runs a program until it ends, or until whoever read its output has left (`| head`). */
export const start = <E>(program: Effect.Effect<void, E, CliApp.CliApp.Environment>): void => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit()
    throw error
  })
  program.pipe(
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
