// The lock file and the tree that pnpm installed by it: where each package comes from, and what it says of itself.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** @typedef {{ readonly id: string, readonly manifest: any, readonly builds: boolean }} Installed one package, once */

/** What npm runs when a package is installed. A `binding.gyp` alone has it run node-gyp. */
const atInstall = ["preinstall", "install", "postinstall"]

/** Of `node_modules/.pnpm/<entry>/node_modules`: the package that the entry is there for; the links are its neighbours. */
const ownPackages = (/** @type {string} */ directory) =>
  readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return []
    if (!entry.name.startsWith("@")) return [join(directory, entry.name)]
    return readdirSync(join(directory, entry.name), { withFileTypes: true })
      .filter((scoped) => scoped.isDirectory())
      .map((scoped) => join(directory, entry.name, scoped.name))
  })

/** The packages of the lock file that are installed; leftovers of earlier installations are not among them. */
export const installedPackages = (/** @type {string} */ root, /** @type {any} */ lock) => {
  const store = join(root, "node_modules", ".pnpm")
  /** @type {Map<string, Installed>} */
  const found = new Map()
  for (const entry of existsSync(store) ? readdirSync(store) : []) {
    const directory = join(store, entry, "node_modules")
    if (entry === "node_modules" || !existsSync(directory)) continue
    for (const place of ownPackages(directory)) {
      if (!existsSync(join(place, "package.json"))) continue
      const manifest = JSON.parse(readFileSync(join(place, "package.json"), "utf8"))
      const id = `${manifest.name}@${manifest.version}`
      if (lock.packages?.[id] === undefined) continue
      const scripts = manifest.scripts ?? {}
      const builds = atInstall.some((name) => scripts[name] !== undefined) || existsSync(join(place, "binding.gyp"))
      found.set(id, { id, manifest, builds })
    }
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** A package that some machines leave out: one for another system, or one that needs such a package. */
const mayBeMissing = (/** @type {any} */ lock, /** @type {string} */ id, /** @type {any} */ entry) =>
  entry.os !== undefined ||
  entry.cpu !== undefined ||
  entry.libc !== undefined ||
  Object.entries(lock.snapshots ?? {}).some(
    ([key, snapshot]) => key.replace(/\(.*$/, "") === id && /** @type {any} */ (snapshot).optional === true
  )

/** Each package is one version from the registry that the user has set, with its checksum, and is there to be read. */
export const lockProblems = (/** @type {any} */ lock, /** @type {ReadonlyArray<Installed>} */ installed) => {
  if (lock.packages === undefined) return ["pnpm-lock.yaml: holds no packages"]
  const there = new Set(installed.map(({ id }) => id))
  return Object.entries(lock.packages).flatMap(([id, entry]) => {
    const { integrity, ...others } = entry.resolution ?? {}
    /** @type {Array<string>} */
    const problems = []
    if (!/^(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+([-+][\w.+-]+)?$/.test(id)) problems.push("is no version of a registry")
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? "")) problems.push("has no sha512 checksum")
    for (const [what, value] of Object.entries(others)) problems.push(`comes from elsewhere: ${what}: ${value}`)
    if (!there.has(id) && !mayBeMissing(lock, id, entry)) problems.push("is not installed, so nobody read its licence")
    return problems.map((problem) => `pnpm-lock.yaml: ${id}: ${problem}`)
  })
}
