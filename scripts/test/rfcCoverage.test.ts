import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { projectRoot } from "./workspace.js"

interface Row {
  readonly rfc: string
  readonly section: string
  readonly cells: ReadonlyArray<string>
  /** As they stand there: `http1/rfc9112/messages.test.ts`. */
  readonly files: ReadonlyArray<string>
}

const pathOf = (file: string): string => file.replace(/^(\w+)\//, "packages/$1/test/")

/** The rows of the tables under a heading that starts with an RFC's name. */
const rowsOf = (markdown: string): ReadonlyArray<Row> =>
  markdown.split(/^## /m).flatMap((part) => {
    const rfc = /^(RFC \d+):/.exec(part)?.[1]
    if (rfc === undefined) return []
    return part
      .split("\n")
      .filter((line) => /^\| \d/.test(line))
      .map((line) => {
        const cells = line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim())
        return {
          rfc,
          section: cells[0] ?? "",
          cells,
          files: [...(cells[4] ?? "").matchAll(/`([^`]+)`/g)].map(([, file]) => file ?? "")
        }
      })
  })

/** What a file tests: its own RFC's tables (`section: "2.2"`), and groups named for a section. */
const sectionsIn = (source: string): ReadonlyArray<string> => {
  const table = /requirements\("(RFC \d+)"/.exec(source)?.[1]
  return [
    ...[...source.matchAll(/^ {4}section: "([^"]+)"/gm)].map(([, section]) => `${table} ${section}`),
    ...[...source.matchAll(/^describe\("(RFC \d+) section ([\d.]+),/gm)].map(([, rfc, section]) => `${rfc} ${section}`)
  ]
}

/** The folders whose tests are named for sections. */
const folders = ["http1/rfc9110", "http1/rfc9112", "client/rfc9110", "client/rfc9112"]

const rows = rowsOf(readFileSync(join(projectRoot, "docs/rfc-coverage.md"), "utf8"))

describe("docs/rfc-coverage.md", () => {
  it("names files that are there, for everything that is met", () => {
    assert.isAbove(rows.length, 80)
    for (const { cells, files, rfc, section } of rows) {
      assert.strictEqual(cells.length, 5, `${rfc} section ${section}`)
      if (cells[3]?.startsWith("met")) assert.isNotEmpty(files, `${rfc} section ${section}`)
      for (const file of files) assert.isTrue(existsSync(join(projectRoot, pathOf(file))), file)
    }
  })

  it("has a row for every section that these folders test, naming the file", () => {
    let found = 0
    for (const folder of folders) {
      for (const name of readdirSync(join(projectRoot, pathOf(folder))).filter((name) => name.endsWith(".test.ts"))) {
        const file = `${folder}/${name}`
        for (const tested of sectionsIn(readFileSync(join(projectRoot, pathOf(file)), "utf8"))) {
          found++
          assert.isTrue(
            rows.some(({ files, rfc, section }) => `${rfc} ${section}` === tested && files.includes(file)),
            `${tested} in ${file}`
          )
        }
      }
    }
    assert.isAbove(found, 60)
  })
})
