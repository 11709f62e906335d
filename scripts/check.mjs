// `npm run check`: every check, each by its own script of package.json, all of them even if one fails.
import { spawnSync } from "node:child_process"

const checks = ["lint", "types", "architecture", "dependencies", "examples", "packages"]

const failed = checks.filter((name) => {
  process.stdout.write(`\n— ${name}\n`)
  const started = process.hrtime.bigint()
  const { status } = spawnSync(`npm run --silent ${name}`, { shell: true, stdio: "inherit" })
  const seconds = Number((process.hrtime.bigint() - started) / 1_000_000n) / 1000
  process.stdout.write(`— ${name}: ${status === 0 ? "passed" : "FAILED"} in ${seconds.toFixed(1)} s\n`)
  return status !== 0
})

process.stdout.write(
  failed.length === 0 ? `\nAll ${checks.length} checks passed.\n` : `\nFailed: ${failed.join(", ")}.\n`
)
process.exitCode = failed.length === 0 ? 0 : 1
