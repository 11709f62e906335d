// `npm run architecture`: fails on what architecture.mjs finds.
import { architectureProblems } from "./architecture.mjs"
import { projectRoot } from "./workspace.mjs"

const { problems, warnings, sources } = architectureProblems(projectRoot)
for (const warning of warnings) process.stdout.write(`warning: ${warning}\n`)
for (const problem of problems) process.stderr.write(`${problem}\n`)
process.stdout.write(`${sources} source files: ${problems.length} problems\n`)
process.exitCode = problems.length === 0 ? 0 : 1
