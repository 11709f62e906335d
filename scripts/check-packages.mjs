// Builds and packs every public package as `changeset publish` would, and looks at the tarballs: publint and
// arethetypeswrong find nothing, no manifest speaks of the workspace, every module loads in plain Node.js, and what is
// internal cannot be reached.
import { spawnSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { filesBelow, packagesOf, projectRoot } from "./workspace.mjs"

const { packageManager } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"))
const published = packagesOf(projectRoot).filter(({ manifest }) => manifest.private !== true)
const work = mkdtempSync(join(tmpdir(), "hotaru-packages-"))
let failures = 0

/** Runs a command; its output is shown only if it fails. */
const run = (
  /** @type {string} */ name,
  /** @type {string} */ command,
  /** @type {Array<string>} */ args,
  /** @type {import("node:child_process").SpawnSyncOptions} */ options = {}
) => {
  const result = spawnSync(command, args, { encoding: "utf8", ...options })
  const passed = result.status === 0
  if (!passed) {
    failures++
    process.stderr.write(`${name}: FAILED\n${result.stdout}${result.stderr}${result.error?.message ?? ""}\n`)
  }
  return passed
}
const tool = (/** @type {string} */ name) => join(projectRoot, "node_modules", ".bin", name)

const checkPackage = (/** @type {(typeof published)[number]} */ { directory, folder, manifest }) => {
  const packed = join(work, folder)
  mkdirSync(packed)
  const pack = `npx --yes ${packageManager} pack --pack-destination "${packed}"`
  if (!run(`${manifest.name}: pack`, pack, [], { cwd: directory, shell: true })) return
  const tarball = join(packed, readdirSync(packed).find((name) => name.endsWith(".tgz")) ?? "")
  const installed = join(work, "node_modules", ...manifest.name.split("/"))
  mkdirSync(installed, { recursive: true })
  if (!run(`${manifest.name}: unpack`, "tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"])) return

  const entries = filesBelow(join(installed, "src"), ".ts")
    .map((file) => file.slice(join(installed, "src").length + 1, -".ts".length))
    .filter((name) => !name.startsWith("internal"))
    .map((name) => (name === "index" ? "." : `./${name}`))
  run(`${manifest.name}: publint`, tool("publint"), ["--strict", "--pack", "false", tarball])
  run(`${manifest.name}: attw`, tool("attw"), [
    tarball,
    "--profile",
    "esm-only",
    "--no-emoji",
    "--entrypoints",
    ...entries
  ])

  const shipped = readFileSync(join(installed, "package.json"), "utf8")
  for (const protocol of ["workspace:", "catalog:", "link:", "./src/"]) {
    if (shipped.includes(protocol)) {
      failures++
      process.stderr.write(`${manifest.name}: the packed package.json still says ${protocol}\n`)
    }
  }
  for (const file of [
    "LICENSE",
    "README.md",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/index.js.map",
    "src/index.ts"
  ]) {
    if (!existsSync(join(installed, file))) {
      failures++
      process.stderr.write(`${manifest.name}: the tarball has no ${file}\n`)
    }
  }
  return { entries: entries.map((entry) => manifest.name + entry.slice(1)), directory, manifest }
}

/** A user's project with the unpacked tarballs beside the peers, in Node.js without a loader. */
const checkLoading = (/** @type {Array<NonNullable<ReturnType<typeof checkPackage>>>} */ packed) => {
  for (const { directory, manifest } of packed) {
    for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
      const place = join(work, "node_modules", ...peer.split("/"))
      if (existsSync(place)) continue
      mkdirSync(join(place, ".."), { recursive: true })
      symlinkSync(realpathSync(join(directory, "node_modules", ...peer.split("/"))), place, "junction")
    }
  }
  const program = `
    const entries = ${JSON.stringify(packed.flatMap(({ entries }) => entries))}
    for (const entry of entries) await import(entry)
    for (const name of ${JSON.stringify(packed.map(({ manifest }) => manifest.name))}) {
      const reached = await import(name + "/internal/anything").then(() => "loaded", (error) => error.code)
      if (reached !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw new Error(name + "/internal/*: " + reached)
    }`
  writeFileSync(join(work, "load.mjs"), program)
  run("loading in plain Node.js", process.execPath, [join(work, "load.mjs")], { cwd: work })
}

try {
  if (run("build", process.execPath, [join(projectRoot, "scripts", "build.mjs")])) {
    const packed = published.map(checkPackage).filter((result) => result !== undefined)
    checkLoading(packed)
    const modules = packed.reduce((sum, { entries }) => sum + entries.length, 0)
    process.stdout.write(`${packed.length} packages, ${modules} modules: ${failures} problems\n`)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.exitCode = failures === 0 ? 0 : 1
