import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { titlesIn } from "./titles.js"
import { projectRoot } from "./workspace.js"

/** A test, or a group of tests. */
interface Test {
  /** As it stands in the file; of a template, its source. */
  readonly name: string
  /** The name without the issues in brackets behind it. */
  readonly title: string
  readonly issues: ReadonlyArray<string>
  /** False if it is skipped, to be written, or expected to fail. */
  readonly counts: boolean
}

const inBrackets = / \(((?:[\w.-]+\/[\w.-]+#\d+|GHSA-[\w-]+)(?:, (?:[\w.-]+\/[\w.-]+#\d+|GHSA-[\w-]+))*)\)$/
const testsIn = (source: string): ReadonlyArray<Test> =>
  titlesIn(source).map(({ counts, title: name }) => ({
    name,
    title: name.replace(inBrackets, ""),
    issues: inBrackets.exec(name)?.[1]?.split(", ") ?? [],
    counts
  }))

interface Row {
  readonly issues: ReadonlyArray<string>
  readonly cells: ReadonlyArray<string>
  readonly shownBy: ReadonlyArray<{ readonly path: string; readonly title: string }>
}

const rowsOf = (markdown: string): ReadonlyArray<Row> =>
  markdown
    .split("\n")
    .filter((line) => line.startsWith("| ["))
    .map((line) => {
      const cells = line.slice(2, -2).split(" | ")
      return {
        cells,
        issues: [...(cells[0] ?? "").matchAll(/\[([^\]]+)\]\(https:/g)].map(([, issue]) => issue ?? ""),
        shownBy: (cells[3] ?? "").split("<br>").map((pointer) => {
          const [, folder, rest, title] = /^`(\w+)\/([^`]+)`: "(.*)"$/.exec(pointer) ?? []
          return { path: `packages/${folder}/test/${rest}`, title: title ?? "" }
        })
      }
    })

const problemsOf = (rows: ReadonlyArray<Row>, read: (path: string) => string | undefined): ReadonlyArray<string> =>
  rows.flatMap(({ cells, issues, shownBy }) => {
    const where = issues.join(", ")
    if (cells.length !== 4 || issues.length === 0) return [`not four cells and an issue: ${cells.join(" | ")}`]
    return shownBy.flatMap(({ path, title }) => {
      const source = read(path)
      if (source === undefined) return [`${where}: there is no ${path}`]
      const named = testsIn(source).filter((test) => test.title === title)
      if (named.length !== 1) return [`${where}: ${named.length} tests in ${path} are named ${JSON.stringify(title)}`]
      return named[0]?.counts === true ? [] : [`${where}: ${JSON.stringify(title)} in ${path} is skipped or fails`]
    })
  })

const inRepository = (path: string): string | undefined => {
  const file = join(projectRoot, path)
  return existsSync(file) ? readFileSync(file, "utf8") : undefined
}

/** Every story told for an issue elsewhere: the tests in the folders named `field`. */
const stories = ["client", "pool", "node"].flatMap((folder) => {
  const path = `packages/${folder}/test/field`
  return readdirSync(join(projectRoot, path))
    .filter((name) => name.endsWith(".test.ts"))
    .flatMap((name) =>
      testsIn(inRepository(`${path}/${name}`) ?? "").map((test) => ({ ...test, path: `${path}/${name}` }))
    )
})

describe("docs/known-issues.md", () => {
  const rows = rowsOf(inRepository("docs/known-issues.md") ?? "")

  it("names only tests that are there and run", () => {
    assert.isAbove(rows.length, 40)
    assert.deepStrictEqual(problemsOf(rows, inRepository), [])
  })

  it("has a row for every issue that a field story names, and the row names the story", () => {
    assert.isAbove(stories.length, 40)
    const missing = stories
      .filter((story) => story.counts)
      .flatMap((story) =>
        story.issues
          .filter(
            (issue) =>
              !rows.some(
                (row) =>
                  row.issues.includes(issue) &&
                  row.shownBy.some(({ path, title }) => path === story.path && title === story.title)
              )
          )
          .map((issue) => `${issue}: ${story.path}: ${story.title}`)
      )
    assert.deepStrictEqual(missing, [])
  })

  it("lists each issue once", () => {
    const issues = rows.flatMap((row) => row.issues)
    assert.deepStrictEqual(
      issues.filter((issue, i) => issues.indexOf(issue) !== i),
      []
    )
  })
})

describe("the check of known issues", () => {
  const how = ["$", "{how}"].join("")
  const row = (shownBy: string) => rowsOf(`| [a/b#1](https://x.test/1) | bit | here | ${shownBy} |`)
  const source = [
    'it.effect("runs (a/b#1)", () => story())',
    `for (const how of all) it(\`is told ${how}\`, () => {})`,
    '// it("is a comment", () => {})',
    'it.effect.fails("fails", () => story())',
    'it.skip("is skipped", () => {})'
  ].join("\n")
  const files: Readonly<Record<string, string>> = {
    "packages/pool/test/a.test.ts": source,
    "packages/pool/test/skipped.test.ts": `describe.skip("not now", () => {\n${source}\n})`
  }
  const judge = (shownBy: string) => problemsOf(row(shownBy), (path) => files[path])

  it("takes a test by its title, and a template by its source", () => {
    assert.deepStrictEqual(judge(`\`pool/a.test.ts\`: "runs"<br>\`pool/a.test.ts\`: "is told ${how}"`), [])
  })

  for (const [what, pointer, problem] of [
    [
      "a test that is not there",
      '`pool/a.test.ts`: "walks"',
      '0 tests in packages/pool/test/a.test.ts are named "walks"'
    ],
    ["a test in a comment", '`pool/a.test.ts`: "is a comment"', "0 tests in packages/pool/test/a.test.ts are named"],
    ["a test that is expected to fail", '`pool/a.test.ts`: "fails"', "is skipped or fails"],
    ["a test that is skipped", '`pool/a.test.ts`: "is skipped"', "is skipped or fails"],
    ["a test in a file with a group that is skipped", '`pool/skipped.test.ts`: "runs"', "is skipped or fails"],
    ["a file that is not there", '`pool/b.test.ts`: "runs"', "there is no packages/pool/test/b.test.ts"]
  ] as const) {
    it(`refuses ${what}`, () => {
      const problems = judge(pointer)
      assert.lengthOf(problems, 1)
      assert.include(problems[0], problem)
    })
  }
})
