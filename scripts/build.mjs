// Builds what is published: `dist` of every public package, from nothing, so that no file of a deleted module stays.
import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { packagesOf, projectRoot } from "./workspace.mjs"

const published = packagesOf(projectRoot).filter(({ manifest }) => manifest.private !== true)

for (const { directory } of published) {
  rmSync(join(directory, "dist"), { recursive: true, force: true })
  rmSync(join(directory, "node_modules", ".cache", "src.tsbuildinfo"), { force: true })
}
const tsc = join(projectRoot, "node_modules", "typescript", "bin", "tsc")
const { status } = spawnSync(
  process.execPath,
  [tsc, "-b", ...published.map(({ directory }) => join(directory, "tsconfig.src.json"))],
  { stdio: "inherit" }
)
process.exitCode = status ?? 1
