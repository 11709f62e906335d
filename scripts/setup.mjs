// Installs the workspace's dependencies when they are missing or out of date; says nothing when there is nothing to do.
// Needs Node.js and npm only: pnpm is fetched through npx, in the version that package.json names.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

const fail = (/** @type {string} */ message) => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const [oldestMajor, oldestMinor] = manifest.engines.node.replace(">=", "").split(".").map(Number)
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
  fail(`Node.js ${oldestMajor}.${oldestMinor} or later is needed; this is ${process.versions.node}: https://nodejs.org`)
}

const workspaces = readdirSync(join(root, "packages"))
  .map((name) => join(root, "packages", name))
  .filter((directory) => existsSync(join(directory, "package.json")))

/** What decides the content of node_modules: lock file, workspace file and every manifest's dependencies. */
const wanted = () => {
  const hash = createHash("sha256")
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) {
    hash.update(readFileSync(join(root, file)))
  }
  for (const directory of [root, ...workspaces].sort()) {
    const { dependencies, devDependencies, peerDependencies } = JSON.parse(
      readFileSync(join(directory, "package.json"), "utf8")
    )
    hash.update(JSON.stringify({ dependencies, devDependencies, peerDependencies }))
  }
  return hash.digest("hex")
}

const stamp = join(root, "node_modules", ".hotaru-setup")
const isSetUp = () =>
  existsSync(stamp) &&
  readFileSync(stamp, "utf8") === wanted() &&
  existsSync(join(root, "node_modules", ".pnpm")) &&
  workspaces.every((directory) => existsSync(join(directory, "node_modules")))

if (!isSetUp()) {
  const command = `npx --yes ${manifest.packageManager} install --frozen-lockfile --reporter=append-only`
  process.stderr.write(`Setting up (once, from the npm registry): ${command}\n`)
  const result = spawnSync(command, {
    cwd: root,
    shell: true,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
    // Nobody is there to answer a question of pnpm's: with CI it asks none.
    env: { ...process.env, CI: "true" }
  })
  if (result.status !== 0) {
    const output = `${result.stdout}${result.stderr}${result.error === undefined ? "" : result.error.message}`
    process.stderr.write(`${output.trimEnd()}\n\n`)
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|META_FETCH_FAIL/.test(output)) {
      fail("Setting up failed: the npm registry cannot be reached. Check the network, or `npm config get registry`.")
    }
    fail(`Setting up failed: the output above says why (status ${result.status ?? result.signal}).`)
  }
  writeFileSync(stamp, wanted())
}
