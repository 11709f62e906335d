import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { oneLine } from "@hotaru/command-line"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Cli from "../src/cli.js"
import type { document } from "../src/document.js"
import { names } from "../src/measures/names.js"

/** What the program says, line by line. */
const listening = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const said: Array<string> = []
    const console = yield* Console.consoleWith(Effect.succeed)
    const log = (...texts: ReadonlyArray<unknown>) => Effect.sync(() => void said.push(texts.join(" ")))
    const unsafe = { ...console.unsafe, log: (...texts: ReadonlyArray<unknown>) => void said.push(texts.join(" ")) }
    const exit = yield* Effect.exit(Console.withConsole(effect, { ...console, log, unsafe }))
    return { exit, said: said.join("\n") }
  })

const main = (...args: ReadonlyArray<string>) =>
  Effect.provide(listening(Cli.main(["node", "bench", ...args])), NodeContext.layer)

const failure = (...args: ReadonlyArray<string>) =>
  Effect.map(Effect.flip(Effect.provide(Cli.main(["node", "bench", ...args]), NodeContext.layer)), oneLine)

describe("the command line", () => {
  it.live("an argument that it does not know is an error that names it", () =>
    Effect.gen(function* () {
      assert.match(yield* failure("--quik"), /--quik/)
      assert.match(yield* failure("--quick", "--faster"), /--faster/)
      assert.match(yield* failure("--quick", "pool"), /pool/)
    })
  )

  it.live("a measure that it does not know is an error that names those it knows", () =>
    Effect.gen(function* () {
      const line = yield* failure("--only", "everything")
      for (const name of names) assert.include(line, name)
      assert.notInclude(line, "\n")
    })
  )

  it.live("--help tells every option and every measure", () =>
    Effect.gen(function* () {
      const { exit, said } = yield* main("--help")
      assert.strictEqual(exit._tag, "Success")
      for (const word of ["--quick", "--check", "--only", "--json", "--profile", ...names]) assert.include(said, word)
    })
  )

  // The shortest of the measures: it takes a second or two.
  it.live("--json prints one document and nothing else", () =>
    Effect.gen(function* () {
      const { exit, said } = yield* main("--quick", "--json", "--only", "refusal")
      assert.strictEqual(exit._tag, "Success")
      const read = JSON.parse(said) as ReturnType<typeof document>
      assert.deepStrictEqual(
        read.measures.map(({ name }) => name),
        ["refusal"]
      )
      const [table] = read.measures[0]!.tables
      assert.strictEqual(read.effort, "quick")
      assert.deepStrictEqual(
        table!.rows.map(({ name, rounds }) => [name, rounds.length]),
        [
          ["GET", 5],
          ["refused GET", 5],
          ["refused pool.use", 5]
        ]
      )
      assert.lengthOf(read.measures[0]!.findings, 2)
    })
  )

  it.effect("a bound that is missed is said, and is a failure where bounds are checked", () =>
    Effect.gen(function* () {
      const findings = [
        { what: "quick enough", figure: 0.2, unit: "times", atMost: 0.25 },
        { what: "too slow", figure: 0.3, unit: "times", atMost: 0.25 },
        { what: "of interest", figure: 9, unit: "times", atMost: undefined }
      ] as const
      assert.include((yield* listening(Cli.conclude(findings))).said, "MISSED")
      assert.strictEqual((yield* Effect.flip(Cli.judge(findings))).message, "1 of 2 bounds missed.")
      yield* Cli.judge([findings[0], findings[2]])
    })
  )
})
