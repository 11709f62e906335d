import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { oneLine } from "@hotaru/command-line"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { document } from "../src/document.js"
import { names } from "../src/measures/names.js"
import * as Blocks from "../src/page/blocks.js"
import { main } from "../src/page/cli.js"

const outcome = (name: "small" | "heap", ours: number) => ({
  name,
  title: `title of ${name}`,
  seconds: 1,
  tables:
    name === "heap"
      ? []
      : [
          {
            title: "Small | GET",
            unit: "µs",
            figures: [
              { name: "hotaru", perRound: [ours, ours + 2] },
              { name: "theirs", perRound: [40, 40] },
              { name: "idlers", perRound: [] }
            ],
            references: ["theirs"],
            beside: [{ title: "p50 µs", figures: [{ name: "hotaru", perRound: [700, 900] }] }]
          }
        ],
  remarks: name === "heap" ? [] : ["A remark."],
  findings: [
    { what: `bound of ${name}`, figure: 0.2, unit: "times" as const, atMost: 0.25, aim: 0.2 },
    { what: `figure of ${name}`, figure: Number.NaN, unit: "bytes" as const, atMost: undefined }
  ]
})

const page = `# Page

<!-- table: circumstances -->
<!-- end -->

<!-- table: bounds -->
old
<!-- end -->

Words.

<!-- table: small -->

old

<!-- end -->
<!-- table: heap -->
<!-- end -->

<!-- table: flame -->
drawn elsewhere
<!-- end -->
`

/** A folder with the page and results as the measurements print them. */
const folder = Effect.acquireRelease(
  Effect.promise(async () => {
    const path = await mkdtemp(join(tmpdir(), "page-"))
    const write = (name: string, text: string) => writeFile(join(path, name), text)
    const json = (...all: ReadonlyArray<ReturnType<typeof outcome>>) =>
      JSON.stringify(document(all, false, new Date(0)), undefined, 2)
    await write("page.md", page)
    await write("all.json", json(outcome("small", 10), outcome("heap", 0)))
    await write("again.json", json(outcome("small", 20)))
    await write("not.json", "> npm run bench\n{}")
    return path
  }),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** Says how many blocks were written. */
const tables = (path: string, ...files: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const console = yield* Console.consoleWith(Effect.succeed)
    const args = ["--page", join(path, "page.md"), ...files.map((file) => join(path, file))]
    let said = ""
    const log = (text: string) =>
      Effect.sync(() => {
        said = text
      })
    yield* Console.withConsole(main(["node", "tables", ...args]), { ...console, log })
    return said
  })

const written = (path: string) => Effect.promise(() => readFile(join(path, "page.md"), "utf8"))

const live = <A, E>(name: string, story: (path: string) => Effect.Effect<A, E, NodeContext.NodeContext>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(folder, story)).pipe(Effect.provide(NodeContext.layer)))

describe("blocks", () => {
  it.effect("get their texts; everything around them stays", () =>
    Effect.gen(function* () {
      const filled = yield* Blocks.fill(page, new Map([["small", "new"]]))
      assert.strictEqual(filled, page.replace("<!-- table: small -->\n\nold\n", "<!-- table: small -->\n\nnew\n"))
    })
  )

  it.effect("a text may look like a pattern's own signs", () =>
    Effect.gen(function* () {
      assert.include(yield* Blocks.fill(page, new Map([["small", "$& $1 $$"]])), "\n$& $1 $$\n")
    })
  )

  it.effect("a block that is not there, or has no end before the next one, is an error that names it", () =>
    Effect.gen(function* () {
      assert.match((yield* Effect.flip(Blocks.fill(page, new Map([["smaller", ""]])))).message, /table: smaller/)
      const open = "<!-- table: a -->\n<!-- table: b -->\n<!-- end -->\n"
      assert.deepStrictEqual(Blocks.names(open), ["b"])
    })
  )
})

describe("the page", () => {
  live("gets the tables of each measure, the bounds, and on what they were taken", (path) =>
    Effect.gen(function* () {
      assert.include(yield* tables(path, "all.json"), "4 blocks")
      const text = yield* written(path)
      assert.include(
        text,
        [
          "A remark.",
          "",
          "**Small | GET**",
          "",
          "| | median µs | of rounds | × theirs | p50 µs |",
          "| --- | ---: | ---: | ---: | ---: |",
          "| **hotaru** | 11.0 | 10.0 to 12.0 | 0.28 × | 800.0 |",
          "| theirs | 40.0 | 40.0 to 40.0 | 1.00 × | - |",
          "| idlers | - | - | - | - |"
        ].join("\n")
      )
      // Without a table a measure has its findings only, those without a bound among them.
      assert.include(text, "| bound of heap | 0.20 × | 0.25 × | 0.20 × | met, and the aim |")
      assert.include(text, "| figure of heap | - |")
      assert.include(text, "| bound of small | 0.20 × | 0.25 × | 0.20 × | met, and the aim |")
      assert.notInclude(text, "figure of small")
      assert.match(text, /\n- 1970-01-01, a full run: .+ cores, .+ undici \d/)
      assert.include(text, "<!-- table: flame -->\ndrawn elsewhere\n")
      assert.notInclude(text, "old")
      // Once more changes nothing.
      yield* tables(path, "all.json")
      assert.strictEqual(yield* written(path), text)
    })
  )

  live("of a measure that was taken again shows the last one, and says which run has what", (path) =>
    Effect.gen(function* () {
      yield* tables(path, "all.json", "again.json")
      const text = yield* written(path)
      assert.include(text, "| **hotaru** | 21.0 |")
      assert.notInclude(text, "| **hotaru** | 11.0 |")
      assert.match(text, /a full run \(heap\): .+\n- 1970-01-01, a full run \(small\): /)
    })
  )

  live("stays as it was if a block's measure was not taken", (path) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(tables(path, "again.json"))
      assert.match(oneLine(error), /: heap\.$/)
      assert.strictEqual(yield* written(path), page)
    })
  )

  live("says which file it cannot read", (path) =>
    Effect.gen(function* () {
      const line = oneLine(yield* Effect.flip(tables(path, "not.json")))
      assert.match(line, /not\.json is not what npm run --silent bench -- --json prints/)
      assert.strictEqual(yield* written(path), page)
    })
  )

  it.live("that is public has a block for every measure, and none for anything else", () =>
    Effect.gen(function* () {
      const file = new URL("../../../docs/performance.md", import.meta.url)
      const blocks = Blocks.names(yield* Effect.promise(() => readFile(file, "utf8")))
      assert.sameMembers([...blocks], ["circumstances", "bounds", ...names, "flame", "flame traced"])
    })
  )
})
