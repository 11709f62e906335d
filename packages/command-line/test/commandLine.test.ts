import * as Command from "@effect/cli/Command"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { decimalNumber, oneLine, quietly, wholeNumber } from "@hotaru/command-line"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const given: Array<unknown> = []

const command = Command.make(
  "try",
  { count: wholeNumber("count", 1, 9), time: decimalNumber("time", 0.1, 2) },
  (options) =>
    Effect.as(Console.log("\u001b[1mran\u001b[0m"), undefined).pipe(
      Effect.tap(() => Effect.sync(() => given.push(options)))
    )
)
const run = quietly(Command.run(command, { name: "Try", version: "0.0.0", executable: "try" }), false)

/** What a run prints, on either output. */
const printed = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const console = yield* Console.consoleWith(Effect.succeed)
    const note = (...texts: ReadonlyArray<unknown>) => Effect.sync(() => void lines.push(texts.join(" ")))
    const exit = yield* Effect.either(
      Console.withConsole(run(["node", "try", ...args]), { ...console, log: note, error: note })
    )
    return { lines, failure: exit._tag === "Left" ? oneLine(exit.left) : undefined }
  }).pipe(Effect.provide(NodeContext.layer))

describe("a command line", () => {
  it.live("runs, and prints without colours where no terminal reads", () =>
    Effect.gen(function* () {
      given.length = 0
      assert.deepStrictEqual(yield* printed("--count", "9", "--time", "0.5"), { lines: ["ran"], failure: undefined })
      assert.deepStrictEqual(given, [{ count: 9, time: 0.5 }])
    })
  )

  for (const [args, failure] of [
    [["--count", "10", "--time", "1"], "--count must be a whole number from 1 to 9. Try --help."],
    [["--count", "1.5", "--time", "1"], "--count must be a whole number from 1 to 9. Try --help."],
    [["--count", "1", "--time", "0.05"], "--time must be a number from 0.1 to 2. Try --help."],
    [["--count", "1", "--time", "1e0"], "--time must be a number from 0.1 to 2. Try --help."]
  ] as const) {
    it.live(`says in one line, and nowhere else, what is wrong with ${args.join(" ")}`, () =>
      Effect.gen(function* () {
        const { failure: said, lines } = yield* printed(...args)
        assert.strictEqual(said, failure)
        assert.deepStrictEqual(lines, [])
      })
    )
  }

  it("says any failure in one line", () => {
    assert.strictEqual(oneLine(new Error("one\n  \u001b[31mtwo\u001b[0m")), "one two")
    assert.strictEqual(oneLine("three"), "three")
  })
})
