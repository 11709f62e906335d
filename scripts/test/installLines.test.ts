import { assert, describe, it } from "@effect/vitest"
import { complaintsIn, importedBy, installedBy, problemsOf, readPage } from "../installLines.mjs"

const page = (line: string, program: string) => `# A page\n\n\`\`\`sh\n${line}\n\`\`\`\n\n\`\`\`ts\n${program}\`\`\`\n`

const problems = (line: string, program: string) => problemsOf("README.md", readPage(page(line, program)))

const good = "npm install --save-dev @hotaru/pool effect@3 @effect/platform@0.97"

describe("an install line", () => {
  it("is read word for word", () => {
    assert.deepStrictEqual(readPage(page(good, "a\n")).lines, [good])
    assert.deepStrictEqual(installedBy(good), [
      { name: "@hotaru/pool", range: "" },
      { name: "effect", range: "3" },
      { name: "@effect/platform", range: "0.97" }
    ])
  })

  it("that installs what its program imports is right", () => {
    const program = [
      'import { once } from "node:events"',
      'import * as HttpClient from "@effect/platform/HttpClient"',
      'import {\n  ConnectionPool\n} from "@hotaru/pool"',
      'import type { Effect } from "effect/Effect"',
      'export const x = pool.layer({ idleTimeout: "1 minute" })',
      ""
    ].join("\n")
    assert.deepStrictEqual(problems(good, program), [])
    assert.deepStrictEqual([...importedBy(program)].sort(), ["@effect/platform", "@hotaru/pool", "effect"])
  })

  for (const [what, line, problem] of [
    [
      "without a major",
      "npm install @hotaru/pool effect",
      "README.md: effect is installed without its major version: its next one would break the page"
    ],
    [
      "with a tag for a major",
      "npm install @hotaru/pool effect@latest",
      "README.md: effect is installed without its major version: its next one would break the page"
    ],
    [
      "that leaves out what a program imports",
      "npm install effect@3",
      "README.md: a program imports @hotaru/pool, which no line installs"
    ],
    ["that is not there", "yarn add effect@3", "README.md: has no line that begins with npm install"]
  ] as const) {
    it(`${what} is refused`, () => {
      assert.include(problems(line, 'import { ConnectionPool } from "@hotaru/pool"\nimport "effect"\n'), problem)
    })
  }
})

describe("an installer's output", () => {
  it("is at fault where it speaks of peers or errors, and not where a package of others is deprecated", () => {
    const output = [
      "npm warn deprecated glob@7.2.3: no longer supported",
      "npm warn ERESOLVE overriding peer dependency",
      " WARN  Issues with peer dependencies found",
      "└── ✕ unmet peer effect@^3.22.0: found 4.1.0",
      "npm error code ERESOLVE",
      " ERR_PNPM_NO_MATCHING_VERSION  No matching version",
      "added 17 packages in 3s"
    ]
    assert.deepStrictEqual(
      complaintsIn(output.join("\n")),
      output.slice(1, 6).map((line) => line.trim())
    )
  })
})
