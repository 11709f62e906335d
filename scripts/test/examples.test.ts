import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { plant, projectRoot } from "./workspace.js"

const judge = (files: Readonly<Record<string, string>>) => {
  const root = plant({
    "tsconfig.base.json": readFileSync(join(projectRoot, "tsconfig.base.json"), "utf8"),
    "packages/demo/package.json": JSON.stringify({ name: "@hotaru/demo" }),
    ...files
  })
  symlinkSync(join(projectRoot, "node_modules"), join(root, "node_modules"), "junction")
  mkdirSync(join(root, "packages/demo/node_modules"))
  const script = join(projectRoot, "scripts", "check-examples.mjs")
  const { status, stderr } = spawnSync(process.execPath, [script, root], { encoding: "utf8" })
  return { status, problems: stderr.split("\n").filter((line) => line !== "") }
}

const fence = "```"

describe("check-examples", () => {
  it("names file and line of an example that does not compile", { timeout: 30_000 }, () => {
    const readme = ["# Title", `${fence}ts`, "export const a: number = 1", 'export const b: number = "2"', fence]
    const source = [
      "/**",
      " * Text.",
      " *",
      " * @example",
      ` * ${fence}ts`,
      " * const c: string = 3",
      ` * ${fence}`,
      " */",
      "export {}"
    ]
    const { problems, status } = judge({
      "README.md": readme.join("\n"),
      "packages/demo/src/A.ts": source.join("\n")
    })
    assert.strictEqual(status, 1)
    assert.deepStrictEqual(
      problems.map((problem) => problem.replace(/: error.*/, "")),
      ["README.md:4:14 (example from line 3)", "packages/demo/src/A.ts:6:7 (example from line 6)"]
    )
  })

  it("passes over blocks marked no-check, other languages and code outside of doc comments", {
    timeout: 30_000
  }, () => {
    const readme = [
      `${fence}ts no-check`,
      "nonsense(",
      fence,
      `${fence}sh`,
      "npm test",
      fence,
      `${fence}ts`,
      "export {}",
      fence
    ]
    const source = `export const text = \`\n${fence}ts\nnonsense(\n${fence}\n\`\n`
    assert.deepStrictEqual(judge({ "README.md": readme.join("\n"), "packages/demo/src/A.ts": source }), {
      status: 0,
      problems: []
    })
  })
})
