/** Which real servers the tests of this folder run against, and which they do not for want of them. */
import { assert, describe, it } from "@effect/vitest"
import { binaries } from "./support/binaries.js"
import { all } from "./support/peers.js"

/** With `HOTARU_REAL_PEERS=all`, as in CI, a server that is not installed is a failure. */
const required = process.env["HOTARU_REAL_PEERS"] === "all"

describe("real servers", () => {
  it(`are ${required ? "all installed" : "named, those installed and those skipped"}`, () => {
    const missing = all.filter(({ version }) => version === undefined).map(({ name }) => name)
    const debian = Object.entries(binaries).map(([name, binary]) => [name, binary.debian] as const)
    console.log(
      [
        ...all.map(({ name, version }) =>
          version === undefined ? `${name}: SKIPPED, not installed` : `${name} ${version}`
        ),
        ...debian
          .filter(([name]) => missing.includes(name))
          .map(([, name]) => `  apt-get install --no-install-recommends ${name}`)
      ].join("\n")
    )
    assert.isTrue(all.some(({ name, version }) => name === "Node" && version === process.versions.node))
    if (required) assert.deepStrictEqual(missing, [])
  })
})
