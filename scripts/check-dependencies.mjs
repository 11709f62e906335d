// `npm run dependencies`: fails on what dependencies.mjs finds.
import { dependencyProblems } from "./dependencies.mjs"
import { projectRoot } from "./workspace.mjs"

const { direct, installed, problems } = dependencyProblems(projectRoot)
for (const problem of problems) process.stderr.write(`${problem}\n`)
process.stdout.write(`${direct} direct dependencies, ${installed} packages installed: ${problems.length} problems\n`)
process.exitCode = problems.length === 0 ? 0 : 1
