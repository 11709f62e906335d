import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { titlesIn } from "./titles.js"
import { projectRoot } from "./workspace.js"

interface Item {
  readonly number: number
  readonly text: string
  readonly heldBy: ReadonlyArray<{ readonly path: string; readonly title: string }>
}

const pathOf = (file: string): string =>
  file.startsWith("scripts/")
    ? file.replace("scripts/", "scripts/test/")
    : file.replace(/^(\w+)\//, "packages/$1/test/")

/** A pointer, alone in a line of a list: `pool/Order.test.ts`: "title". */
const pointer = /^ *- `([^`]+\.test\.ts)`: "(.*)"$/gm

/** The numbered items under `## Promises`, whatever headings lie between them. */
const promisesOf = (markdown: string): ReadonlyArray<Item> => {
  const part = markdown.split(/^## /m).find((part) => part.startsWith("Promises\n")) ?? ""
  return part
    .split(/^(?=\d+\. )/m)
    .slice(1)
    .map((item) => ({
      number: Number.parseInt(item, 10),
      text: item,
      heldBy: [...item.matchAll(pointer)].map(([, file, title]) => ({ path: pathOf(file ?? ""), title: title ?? "" }))
    }))
}

const problemsOf = (markdown: string, read: (path: string) => string | undefined): ReadonlyArray<string> =>
  promisesOf(markdown).flatMap(({ heldBy, number, text }, i) => {
    const problems = number === i + 1 ? [] : [`promise ${number} is the ${i + 1}. one`]
    if (heldBy.length === 0) problems.push(`promise ${number} names no test`)
    if ((text.match(/\.test\.ts/g) ?? []).length !== heldBy.length) problems.push(`promise ${number}: a broken pointer`)
    for (const { path, title } of heldBy) {
      const source = read(path)
      const named = source === undefined ? [] : titlesIn(source).filter((test) => test.title === title)
      if (source === undefined) problems.push(`promise ${number}: there is no ${path}`)
      else if (named.length === 0)
        problems.push(`promise ${number}: nothing in ${path} is called ${JSON.stringify(title)}`)
      else if (!named.every(({ counts }) => counts))
        problems.push(`promise ${number}: ${JSON.stringify(title)} is skipped or fails`)
    }
    return problems
  })

const inRepository = (path: string): string | undefined => {
  const file = join(projectRoot, path)
  return existsSync(file) ? readFileSync(file, "utf8") : undefined
}

const security = inRepository("SECURITY.md") ?? ""

describe("SECURITY.md", () => {
  it("names only tests and groups of tests that are there and run, and some for each promise", () => {
    assert.isAbove(promisesOf(security).length, 20)
    assert.deepStrictEqual(problemsOf(security, inRepository), [])
  })

  it("is pointed to by the threat model at promises that it makes", () => {
    const pointed = [
      ...(inRepository("docs/threat-model.md") ?? "").matchAll(/\[(\d+)\]\(\.\.\/SECURITY\.md#promises\)/g)
    ]
    const numbers = new Set(promisesOf(security).map(({ number }) => number))
    assert.isAbove(pointed.length, 10)
    for (const [, number] of pointed) assert.isTrue(numbers.has(Number(number)), `promise ${number}`)
    assert.sameMembers([...new Set(pointed.map(([, number]) => Number(number)))], [...numbers])
  })

  for (const document of ["SECURITY.md", "docs/threat-model.md"]) {
    it(`links only to files that are there: ${document}`, () => {
      const links = [...(inRepository(document) ?? "").matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
      assert.isNotEmpty(links)
      for (const [, path] of links) {
        assert.isTrue(existsSync(join(projectRoot, document, "..", path ?? "")), path)
      }
    })
  }
})

describe("the check of promises", () => {
  /** The source of a template, which is none here. */
  const how = ["$", "{how}"].join("")
  const source = [
    'describe("a group", () => {',
    '  it.scoped.each(cases(1))("is %s", ([, a]) => story(a))',
    `  for (const how of all) it(\`is told ${how}\`, () => {})`,
    '  it.prop(\n    "holds of any",\n    [any], () => {})',
    '  it.effect.fails("fails", () => story())',
    '  // it("is a comment", () => {})',
    '  it("says \\"so\\"", () => {})',
    "})"
  ].join("\n")
  const files: Readonly<Record<string, string>> = {
    "packages/pool/test/a.test.ts": source,
    "packages/pool/test/skipped.test.ts": `describe.skip("not now", () => {\n${source}\n})`
  }
  const judge = (...items: ReadonlyArray<string>) =>
    problemsOf(
      `# Security\n\n## Promises\n\n### Some\n\n${items.join("\n")}\n\n## After\n\n9. no promise\n`,
      (path) => files[path]
    )
  const held = (file: string, title: string) => `   - \`${file}\`: "${title}"`

  it("takes tests, groups, tables of cases and templates by what stands in the file", () => {
    const titles = ["a group", "is %s", `is told ${how}`, "holds of any", 'says "so"']
    assert.deepStrictEqual(judge("1. All.", ...titles.map((title) => held("pool/a.test.ts", title))), [])
  })

  for (const [what, items, problem] of [
    ["a promise without a test", ["1. All."], "promise 1 names no test"],
    ["a number that is left out", ["2. All.", held("pool/a.test.ts", "a group")], "promise 2 is the 1. one"],
    [
      "a file that is not there",
      ["1. All.", held("pool/b.test.ts", "a group")],
      "promise 1: there is no packages/pool/test/b.test.ts"
    ],
    [
      "a test that is not there",
      ["1. All.", held("pool/a.test.ts", "walks")],
      'promise 1: nothing in packages/pool/test/a.test.ts is called "walks"'
    ],
    [
      "a test in a comment",
      ["1. All.", held("pool/a.test.ts", "is a comment")],
      'promise 1: nothing in packages/pool/test/a.test.ts is called "is a comment"'
    ],
    [
      "a test that is expected to fail",
      ["1. All.", held("pool/a.test.ts", "fails")],
      'promise 1: "fails" is skipped or fails'
    ],
    [
      "a test in a group that is skipped",
      ["1. All.", held("pool/skipped.test.ts", "holds of any")],
      'promise 1: "holds of any" is skipped or fails'
    ],
    [
      "a pointer without a title",
      ["1. All.", held("pool/a.test.ts", "a group"), "   - `pool/a.test.ts`"],
      "promise 1: a broken pointer"
    ]
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.deepStrictEqual(judge(...items), [problem])
    })
  }
})
