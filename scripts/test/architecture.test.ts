import { assert, describe, it } from "vitest"
import { architectureProblems } from "../architecture.mjs"
import { plant } from "./workspace.js"

const manifests = {
  "packages/http1/package.json": JSON.stringify({ name: "@hotaru/http1" }),
  "packages/pool/package.json": JSON.stringify({
    name: "@hotaru/pool",
    peerDependencies: { effect: "^3.22.0" },
    devDependencies: { "@hotaru/testing": "workspace:^" }
  }),
  "packages/client/package.json": JSON.stringify({
    name: "@hotaru/client",
    dependencies: { "@hotaru/http1": "workspace:^", "@hotaru/pool": "workspace:^" },
    peerDependencies: { effect: "^3.22.0" }
  }),
  "packages/node/package.json": JSON.stringify({
    name: "@hotaru/node",
    dependencies: { "@hotaru/pool": "workspace:^" }
  })
}
const judge = (files: Readonly<Record<string, string>>): Array<string> =>
  architectureProblems(plant({ ...manifests, ...files })).problems

const refusals: ReadonlyArray<readonly [what: string, path: string, content: string, problem: string]> = [
  [
    "pool importing http1",
    "packages/pool/src/A.ts",
    'import type * as Framing from "@hotaru/http1/Framing"',
    'packages/pool/src/A.ts:1: "@hotaru/http1/Framing": no arrow leads from pool to http1'
  ],
  [
    "http1 importing anything",
    "packages/http1/src/A.ts",
    'import * as Effect from "effect/Effect"',
    'packages/http1/src/A.ts:1: "effect/Effect": packages/http1 may import nothing'
  ],
  [
    "a module of Node.js outside of packages/node",
    "packages/client/src/A.ts",
    '\nexport { createHash } from "node:crypto"',
    'packages/client/src/A.ts:2: "node:crypto": packages/client does not know Node.js'
  ],
  [
    "a module of Node.js by its old name",
    "packages/node/src/A.ts",
    'import * as Net from "net"',
    'packages/node/src/A.ts:1: "net": a module of Node.js is imported with node:'
  ],
  [
    "a dynamic import against the arrows",
    "packages/pool/src/A.ts",
    'export const a = () => import("@hotaru/client")',
    'packages/pool/src/A.ts:1: "@hotaru/client": no arrow leads from pool to client'
  ],
  [
    "a type import inside a type against the arrows",
    "packages/pool/src/A.ts",
    'export type A = import("@hotaru/client").A',
    'packages/pool/src/A.ts:1: "@hotaru/client": no arrow leads from pool to client'
  ],
  [
    "the inside of another package",
    "packages/client/src/A.ts",
    'import { a } from "@hotaru/pool/internal/a"',
    'packages/client/src/A.ts:1: "@hotaru/pool/internal/a": reaches into another package'
  ],
  [
    "a relative path into another package",
    "packages/client/src/A.ts",
    'import { a } from "../../pool/src/A.js"',
    'packages/client/src/A.ts:1: "../../pool/src/A.js": leaves client/src'
  ],
  [
    "a test that reaches into another package",
    "packages/client/test/A.test.ts",
    'import { a } from "../../pool/src/internal/a.js"',
    'packages/client/test/A.test.ts:1: "../../pool/src/internal/a.js": leaves client'
  ],
  [
    "a real socket in a test of the pool",
    "packages/pool/test/A.test.ts",
    'import * as Net from "node:net"',
    'packages/pool/test/A.test.ts:1: "node:net": real sockets only in packages/node, packages/demo, packages/bench, packages/fuzz, packages/faults'
  ],
  [
    "a dependency that the manifest does not name",
    "packages/pool/test/A.test.ts",
    'import * as fc from "fast-check"',
    'packages/pool/test/A.test.ts:1: "fast-check": not in package.json'
  ],
  [
    "the barrel of effect",
    "packages/pool/src/A.ts",
    'import { Effect } from "effect"',
    'packages/pool/src/A.ts:1: "effect": import the module, not the barrel'
  ],
  [
    "a relative import without its suffix",
    "packages/pool/src/A.ts",
    'import { b } from "./B"',
    'packages/pool/src/A.ts:1: "./B": a relative import ends in .js'
  ],
  [
    "a file of 501 lines",
    "packages/pool/src/A.ts",
    "export {}\n".repeat(501),
    "packages/pool/src/A.ts: 501 lines; past 500, find the second idea and move it"
  ],
  [
    "chance in the pool",
    "packages/pool/src/A.ts",
    "// Math.random() in a comment is none\nexport const a = Math.random()\n",
    "packages/pool/src/A.ts:2: Math.random: chance comes from Effect's Random"
  ],
  [
    "a timer by another name",
    "packages/pool/src/A.ts",
    "export const a = globalThis.setTimeout(() => {}, 1)\n",
    "packages/pool/src/A.ts:1: globalThis.setTimeout: a global by another name"
  ],
  [
    "a dependency of a manifest against the arrows",
    "packages/pool/package.json",
    JSON.stringify({ name: "@hotaru/pool", dependencies: { "@hotaru/client": "workspace:^" } }),
    "packages/pool/package.json: @hotaru/client: no arrow leads there"
  ],
  [
    "a package without arrows",
    "packages/extra/package.json",
    JSON.stringify({ name: "@hotaru/extra" }),
    "packages/extra: has no arrows in scripts/architecture.mjs"
  ]
]

describe("check-architecture", () => {
  for (const [what, path, content, problem] of refusals) {
    it(`refuses ${what}`, () => {
      assert.deepStrictEqual(judge({ [path]: content }), [problem])
    })
  }

  it("passes what follows the arrows", () => {
    const files = {
      "packages/pool/src/A.ts": 'import * as Effect from "effect/Effect"\nimport { b } from "./internal/b.js"\n',
      "packages/pool/src/internal/b.ts": "export const b = 1\n".repeat(500),
      "packages/pool/test/A.test.ts":
        'import { b } from "../src/internal/b.js"\nimport { Wire } from "@hotaru/testing"\n',
      "packages/testing/package.json": JSON.stringify({ name: "@hotaru/testing" }),
      "packages/client/src/A.ts": 'import type * as Pool from "@hotaru/pool/ConnectionPool"\n',
      "packages/node/src/A.ts": 'import * as Net from "node:net"\n'
    }
    assert.deepStrictEqual(judge(files), [])
  })

  it("names a file of 301 lines without failing for it", () => {
    const files = { "packages/pool/src/A.ts": "export {}\n".repeat(301) }
    const { problems, warnings } = architectureProblems(plant({ ...manifests, ...files }))
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(warnings, ["packages/pool/src/A.ts: 301 lines; past 300, find the second idea and move it"])
  })

  it("takes no comment, string, template or regular expression for an import, and none of them hides one", () => {
    const text = [
      '// import { a } from "@hotaru/client"',
      '/** import { a } from "@hotaru/client" */',
      "const a = 'import { a } from \"@hotaru/client\"'",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a template, not one
      'const b = `import { a } from "@hotaru/client" ${`nested ${{ a }} }`} import("@hotaru/client")`',
      'const c = /["\'`/*]from "/.test(a) ? 1 / 2 : "/*"',
      'const d = "\\"from"',
      'import { e } from "@hotaru/http1"'
    ]
    assert.deepStrictEqual(judge({ "packages/pool/src/A.ts": text.join("\n") }), [
      'packages/pool/src/A.ts:7: "@hotaru/http1": no arrow leads from pool to http1'
    ])
  })
})
