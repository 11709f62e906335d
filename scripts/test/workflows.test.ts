import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { parse } from "yaml"
import { projectRoot } from "./workspace.js"

interface Workflow {
  readonly on: Readonly<Record<string, { readonly branches?: ReadonlyArray<string> } | null>>
  readonly permissions?: Readonly<Record<string, string>>
  readonly jobs: Readonly<
    Record<string, { readonly if?: string; readonly permissions?: Readonly<Record<string, string>> }>
  >
}

const directory = join(projectRoot, ".github/workflows")
const source = (name: string): string => readFileSync(join(directory, name), "utf8")
const workflow = (name: string): Workflow => parse(source(name))
const secretsIn = (name: string) => [...source(name).matchAll(/secrets\.(\w+)/g)].map(([, secret]) => secret)

describe("the workflows", () => {
  it("are these two: another one needs its permissions thought over", () => {
    assert.sameMembers(readdirSync(directory), ["ci.yml", "release.yml"])
  })

  it("run nobody's pull request with secrets or with permission to write", () => {
    assert.notProperty(workflow("ci.yml").on, "pull_request_target")
    assert.deepStrictEqual(workflow("ci.yml").permissions, { contents: "read" })
    for (const job of Object.values(workflow("ci.yml").jobs)) assert.notProperty(job, "permissions")
    assert.deepStrictEqual(secretsIn("ci.yml"), [])
  })

  it("release from main alone, when releases are on, with an identity for provenance", () => {
    const { jobs, on, permissions } = workflow("release.yml")
    assert.deepStrictEqual(on, { push: { branches: ["main"] } })
    assert.deepStrictEqual(permissions, {})
    assert.deepStrictEqual(Object.keys(jobs), ["release"])
    assert.strictEqual(jobs["release"]?.if, "vars.RELEASES == 'on'")
    assert.deepStrictEqual(jobs["release"]?.permissions, {
      contents: "write",
      "pull-requests": "write",
      "id-token": "write"
    })
    assert.sameMembers([...new Set(secretsIn("release.yml"))], ["GITHUB_TOKEN", "NPM_TOKEN"])
    assert.match(source("release.yml"), /^ +NPM_CONFIG_PROVENANCE: "true"$/m)
  })
})
