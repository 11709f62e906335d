import { assert, describe, it } from "vitest"
import { dependencyProblems } from "../dependencies.mjs"
import { plant, projectRoot } from "./workspace.js"

const checksum = `sha512-${"A".repeat(86)}==`
const row = (...cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`

const client = {
  name: "@hotaru/client",
  license: "MIT",
  files: ["dist"],
  publishConfig: { access: "public", provenance: true },
  dependencies: { "@hotaru/pool": "workspace:^" },
  peerDependencies: { effect: "^3.22.0" },
  devDependencies: { effect: "catalog:" }
}
const pool = { name: "@hotaru/pool", license: "MIT", files: ["dist"], publishConfig: client.publishConfig }
const list = {
  published: [
    row("`effect`", "MIT", "peer client; dev client", "everything is written in it"),
    row("`@hotaru/pool`", "MIT", "run client", "gives the client its connections")
  ],
  development: [row("`tool`", "ISC", "dev root", "measures what there is")],
  licences: [row("`MIT`", "permissive"), row("`ISC`", "permissive")],
  byHand: [row("`odd@1.0.0`", "MIT", "its LICENSE")],
  scripts: [row("`builder`", "compiles", "works without")]
}
const page = (changed: Partial<typeof list>) => {
  const { byHand, development, licences, published, scripts } = { ...list, ...changed }
  return [
    "# Dependencies",
    "## Published packages",
    ...published,
    "## Development",
    ...development,
    "## Licences",
    ...licences,
    "## Licences read by hand",
    ...byHand,
    "## Install scripts",
    ...scripts
  ].join("\n")
}

const workspace = `catalog:\n  effect: 3.22.4\nignoredBuiltDependencies:\n  - builder\n`
const locked = (entries: Readonly<Record<string, string>> = {}) =>
  [
    "packages:",
    ...Object.entries({
      "effect@3.22.4": `{ resolution: { integrity: ${checksum} } }`,
      "tool@1.0.0": `{ resolution: { integrity: ${checksum} } }`,
      "leaf@1.0.0": `{ resolution: { integrity: ${checksum} } }`,
      "odd@1.0.0": `{ resolution: { integrity: ${checksum} } }`,
      "builder@1.0.0": `{ resolution: { integrity: ${checksum} } }`,
      "builder-for-another-system@1.0.0": `{ resolution: { integrity: ${checksum} }, os: [other] }`,
      ...entries
    }).map(([id, entry]) => `  ${JSON.stringify(id)}: ${entry}`)
  ].join("\n")
const installed = (name: string, version: string, manifest: object) => ({
  [`node_modules/.pnpm/${name}@${version}/node_modules/${name}/package.json`]: JSON.stringify({
    name,
    version,
    ...manifest
  })
})

const sound: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({ name: "all", license: "MIT", private: true, devDependencies: { tool: "1.0.0" } }),
  "packages/client/package.json": JSON.stringify(client),
  "packages/pool/package.json": JSON.stringify(pool),
  "pnpm-workspace.yaml": workspace,
  "pnpm-lock.yaml": locked(),
  "docs/dependencies.md": page({}),
  ...installed("effect", "3.22.4", { license: "MIT" }),
  ...installed("tool", "1.0.0", { license: "ISC" }),
  ...installed("leaf", "1.0.0", { license: "MIT" }),
  ...installed("odd", "1.0.0", { license: "SEE LICENSE IN LICENSE" }),
  ...installed("builder", "1.0.0", { license: "MIT", scripts: { postinstall: "make" } }),
  // Of an earlier installation: the lock file does not know it any more.
  ...installed("leftover", "1.0.0", { license: "GPL-3.0-only", scripts: { install: "make" } })
}
const judge = (files: Readonly<Record<string, string>>) => dependencyProblems(plant({ ...sound, ...files })).problems

const changedClient = (change: object) => ({
  "packages/client/package.json": JSON.stringify({ ...client, ...change })
})
const changedPage = (change: Partial<typeof list>) => ({ "docs/dependencies.md": page(change) })

const refusals: ReadonlyArray<readonly [what: string, files: Readonly<Record<string, string>>, problem: string]> = [
  [
    "a dependency that is not listed, with the row that is missing",
    changedPage({ development: [] }),
    "docs/dependencies.md: tool: missing: | `tool` | ISC | dev root | why |"
  ],
  [
    "a row of a dependency that nobody has",
    changedPage({ development: [...list.development, row("`old`", "MIT", "dev root", "was of use once")] }),
    "docs/dependencies.md: old: no package depends on it"
  ],
  [
    "a row without a reason",
    changedPage({ development: [row("`tool`", "ISC", "dev root", "")] }),
    "docs/dependencies.md: tool: has no reason"
  ],
  [
    "a row that names other users",
    changedPage({ development: [row("`tool`", "ISC", "dev pool", "measures what there is")] }),
    "docs/dependencies.md: tool: used by: dev root; the list says: dev pool"
  ],
  [
    "a row that names another licence",
    changedPage({ development: [row("`tool`", "MIT", "dev root", "measures what there is")] }),
    "docs/dependencies.md: tool: licence: ISC; the list says: MIT"
  ],
  [
    "a row that stands there twice",
    changedPage({ development: [...list.development, ...list.development] }),
    "docs/dependencies.md: tool: is listed twice"
  ],
  [
    "a dependency of a published package that is no sibling",
    {
      ...changedClient({ dependencies: { ...client.dependencies, tool: "1.0.0" } }),
      ...changedPage({ development: [row("`tool`", "ISC", "run client; dev root", "measures what there is")] })
    },
    "@hotaru/client: tool: a published package depends on its siblings only"
  ],
  [
    "a sibling by its version",
    changedClient({ dependencies: { "@hotaru/pool": "1.0.0" } }),
    "@hotaru/client: @hotaru/pool: a sibling's range is workspace:"
  ],
  [
    "a peer that users would have to install",
    {
      ...changedClient({ peerDependencies: { effect: "^3.22.0", tool: "^1.0.0" } }),
      ...changedPage({ development: [row("`tool`", "ISC", "peer client; dev root", "measures what there is")] })
    },
    "@hotaru/client: tool: is no peer that a published package may ask for"
  ],
  [
    "a script that would run where a published package is installed",
    changedClient({ scripts: { postinstall: "node a.js" } }),
    "@hotaru/client: postinstall: would run on a user's machine"
  ],
  [
    "a published package without provenance",
    changedClient({ publishConfig: { access: "public" } }),
    "@hotaru/client: publishConfig.provenance: not true"
  ],
  [
    "a published package with a registry of its own",
    changedClient({ publishConfig: { ...client.publishConfig, registry: "https://registry.test/" } }),
    "@hotaru/client: publishConfig.registry: names a registry"
  ],
  [
    "a range where a version belongs",
    { "package.json": sound["package.json"]?.replace("1.0.0", "^1.0.0") ?? "" },
    "all: tool: ^1.0.0 is not one version"
  ],
  [
    "a range in the catalog",
    { "pnpm-workspace.yaml": workspace.replace("3.22.4", "^3.22.4") },
    "pnpm-workspace.yaml: effect: ^3.22.4 is not one version"
  ],
  [
    "a version in the catalog that nobody asks for",
    { "pnpm-workspace.yaml": workspace.replace("catalog:", "catalog:\n  old: 1.0.0") },
    "pnpm-workspace.yaml: old: no package asks for it"
  ],
  [
    "a package without a checksum",
    { "pnpm-lock.yaml": locked({ "tool@1.0.0": "{ resolution: {} }" }) },
    "pnpm-lock.yaml: tool@1.0.0: has no sha512 checksum"
  ],
  [
    "a package with a weak checksum",
    { "pnpm-lock.yaml": locked({ "tool@1.0.0": "{ resolution: { integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= } }" }) },
    "pnpm-lock.yaml: tool@1.0.0: has no sha512 checksum"
  ],
  [
    "a package from a host that the lock file names",
    {
      "pnpm-lock.yaml": locked({
        "tool@1.0.0": `{ resolution: { integrity: ${checksum}, tarball: "https://registry.test/tool.tgz" } }`
      })
    },
    "pnpm-lock.yaml: tool@1.0.0: comes from elsewhere: tarball: https://registry.test/tool.tgz"
  ],
  [
    "a package from a git repository",
    {
      "pnpm-lock.yaml": locked({
        "own@git+https://git.test/own.git": `{ resolution: { integrity: ${checksum} }, os: [other] }`
      })
    },
    "pnpm-lock.yaml: own@git+https://git.test/own.git: is no version of a registry"
  ],
  [
    "a package whose licence nobody could read",
    { "pnpm-lock.yaml": locked({ "absent@1.0.0": `{ resolution: { integrity: ${checksum} } }` }) },
    "pnpm-lock.yaml: absent@1.0.0: is not installed, so nobody read its licence"
  ],
  [
    "a licence that is not on the list",
    installed("leaf", "1.0.0", { license: "GPL-3.0-only" }),
    'leaf@1.0.0: its licence is "GPL-3.0-only", which is not on the list'
  ],
  [
    "a package that says nothing of its licence",
    installed("leaf", "1.0.0", {}),
    "leaf@1.0.0: its licence is undefined, which is not on the list"
  ],
  [
    "a licence on the list that no package has",
    changedPage({ licences: [...list.licences, row("`0BSD`", "permissive")] }),
    "0BSD: no package has this licence"
  ],
  [
    "a script at install time",
    installed("effect", "3.22.4", { license: "MIT", scripts: { preinstall: "make" } }),
    "effect: has a script at install time"
  ],
  [
    "a package that may run its script",
    { "pnpm-workspace.yaml": `${workspace}onlyBuiltDependencies:\n  - builder\n` },
    "pnpm-workspace.yaml: onlyBuiltDependencies: no dependency may run a script"
  ],
  [
    "an ignored script without a word about it",
    changedPage({ scripts: [] }),
    "docs/dependencies.md: builder: its script is not explained"
  ],
  [
    "a registry in .npmrc",
    { ".npmrc": "registry=https://registry.test/" },
    ".npmrc: names a registry, or holds a credential"
  ]
]

describe("check-dependencies", () => {
  it("passes what is listed, pinned and licensed", () => {
    assert.deepStrictEqual(judge({}), [])
  })

  for (const [what, files, problem] of refusals) {
    it(`refuses ${what}`, () => {
      assert.deepStrictEqual(judge(files), [problem])
    })
  }

  it("refuses to judge without a lock file", () => {
    assert.include(judge({ "pnpm-lock.yaml": "" }), "pnpm-lock.yaml: holds no packages")
  })

  it("looks at every package that is installed here", () => {
    const { direct, installed } = dependencyProblems(projectRoot)
    assert.isAbove(direct, 30)
    assert.isAbove(installed, 200)
  })
})
