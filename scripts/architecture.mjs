// Finds an import against the arrows between the packages, on a reach into another package's inside, and on a source
// file that holds more than one idea. The arrows allow no cycle of packages; cycles of files are the linter's business.
import { existsSync, readFileSync } from "node:fs"
import { builtinModules } from "node:module"
import { dirname, join, relative, sep } from "node:path"
import { readSource } from "./imports.mjs"
import { filesBelow, packagesOf } from "./workspace.mjs"

/** Past the first, a file is named, so that its second idea is looked for; past the second, the check fails. */
const longFile = 300
const longestFile = 500

/**
 * What a package's `src` may import beside its own files. `null`: everything that its manifest names, and Node.js.
 *
 * @type {Readonly<Record<string, null | { packages: Array<string>, hotaru: Array<string>, node: boolean }>>}
 */
const arrows = {
  http1: { packages: [], hotaru: [], node: false },
  pool: { packages: ["effect"], hotaru: [], node: false },
  client: { packages: ["effect", "@effect/platform"], hotaru: ["http1", "pool"], node: false },
  node: { packages: ["effect", "@effect/platform"], hotaru: ["client", "pool"], node: true },
  testing: { packages: ["effect"], hotaru: ["pool", "http1"], node: false },
  "command-line": null,
  demo: null,
  bench: null,
  simulation: null,
  fuzz: null,
  faults: null
}

/** Tests run on Node.js, but only these may use its clients and sockets. */
const socketPackages = ["node", "demo", "bench", "fuzz", "faults"]
const socketModules = ["net", "tls", "http", "https", "http2", "dgram", "dns", "dns/promises"]

/** Globals that hide time, chance or the platform behind another name than the linter looks for. */
const hiddenGlobals = [
  {
    pattern: /\bglobalThis\s*(?:\[|\.\s*(?:Date|performance|set\w+|process|Buffer|console))/,
    packages: ["http1", "pool", "client"],
    why: "a global by another name"
  },
  {
    pattern: /\bMath\s*\.\s*random\b/,
    packages: ["http1", "pool", "client", "testing"],
    why: "chance comes from Effect's Random"
  }
]

/** @typedef {ReturnType<typeof packagesOf>[number]} Package */

const packageOf = (/** @type {string} */ specifier) =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")
const builtin = (/** @type {string} */ specifier) => {
  const name = specifier.replace(/^node:/, "")
  return specifier.startsWith("node:") || builtinModules.includes(name) ? name : undefined
}
const dependenciesOf = (/** @type {any} */ manifest, /** @type {boolean} */ withDevelopment) =>
  Object.keys({
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...(withDevelopment ? manifest.devDependencies : {})
  })

/** @returns {string | undefined} what is wrong with an import, if something is */
const judge = (
  /** @type {ReadonlyMap<string, string>} */ folderOf,
  /** @type {Package} */ owner,
  /** @type {string} */ file,
  /** @type {boolean} */ isSource,
  /** @type {string} */ specifier
) => {
  const rule = isSource ? (arrows[owner.folder] ?? null) : null
  if (specifier.startsWith(".")) {
    const target = join(dirname(file), specifier)
    const inside = join(owner.directory, isSource ? "src" : "") + sep
    if (!target.startsWith(inside)) return `leaves ${isSource ? `${owner.folder}/src` : owner.folder}`
    if (specifier.endsWith(".json")) return undefined
    if (!specifier.endsWith(".js")) return "a relative import ends in .js"
    return existsSync(target.replace(/\.js$/, ".ts")) ? undefined : "there is no such file"
  }
  const module = builtin(specifier)
  if (module !== undefined) {
    if (!specifier.startsWith("node:")) return "a module of Node.js is imported with node:"
    if (rule !== null && !rule.node) return `packages/${owner.folder} does not know Node.js`
    if (!socketPackages.includes(owner.folder) && socketModules.includes(module)) {
      return `real sockets only in packages/${socketPackages.join(", packages/")}`
    }
    return undefined
  }
  const name = packageOf(specifier)
  if (/\/(?:internal|src|dist)(?:\/|$)/.test(specifier.slice(name.length))) return "reaches into another package"
  const hotaru = folderOf.get(name)
  if (hotaru !== undefined) {
    if (rule !== null && !rule.hotaru.includes(hotaru)) return `no arrow leads from ${owner.folder} to ${hotaru}`
    if (name === owner.manifest.name && isSource) return "a package imports its own files relatively"
  } else if (rule !== null) {
    if (!rule.packages.includes(name))
      return `packages/${owner.folder} may import ${rule.packages.join(", ") || "nothing"}`
    if (specifier === name) return "import the module, not the barrel"
  }
  const isOwn = name === owner.manifest.name
  return isOwn || dependenciesOf(owner.manifest, !isSource).includes(name) ? undefined : "not in package.json"
}

/**
 * @returns {{ problems: Array<string>, warnings: Array<string>, sources: number }} what is wrong in the workspace at
 * `root`, what is to be looked at, of how many files
 */
export const architectureProblems = (/** @type {string} */ root) => {
  const packages = packagesOf(root)
  const folderOf = new Map(packages.map(({ folder, manifest }) => [manifest.name, folder]))
  /** @type {Array<string>} */
  const problems = []
  /** @type {Array<string>} */
  const warnings = []
  let sources = 0

  const checkManifest = (/** @type {Package} */ owner) => {
    const rule = arrows[owner.folder]
    if (rule === undefined) problems.push(`packages/${owner.folder}: has no arrows in scripts/architecture.mjs`)
    if (rule === undefined || rule === null) return
    for (const name of dependenciesOf(owner.manifest, false)) {
      const hotaru = folderOf.get(name)
      if (!(hotaru === undefined ? rule.packages.includes(name) : rule.hotaru.includes(hotaru))) {
        problems.push(`packages/${owner.folder}/package.json: ${name}: no arrow leads there`)
      }
    }
  }

  const checkSource = (/** @type {Package} */ owner, /** @type {string} */ shown, /** @type {string} */ code) => {
    sources++
    const lines = code.split("\n").length - (code.endsWith("\n") ? 1 : 0)
    const tooLong = (/** @type {number} */ bound) =>
      `${shown}: ${lines} lines; past ${bound}, find the second idea and move it`
    if (lines > longestFile) problems.push(tooLong(longestFile))
    else if (lines > longFile) warnings.push(tooLong(longFile))
    for (const { packages: where, pattern, why } of hiddenGlobals) {
      if (!where.includes(owner.folder)) continue
      const at = code.split("\n").findIndex((content) => pattern.test(content))
      if (at !== -1) problems.push(`${shown}:${at + 1}: ${pattern.exec(code)?.[0]}: ${why}`)
    }
  }

  for (const owner of packages) {
    checkManifest(owner)
    for (const folder of ["src", "test"]) {
      const isSource = folder === "src"
      for (const file of filesBelow(join(owner.directory, folder), ".ts")) {
        const shown = relative(root, file)
        const { code, imports } = readSource(readFileSync(file, "utf8"))
        for (const { line, specifier } of imports) {
          const problem = judge(folderOf, owner, file, isSource, specifier)
          if (problem !== undefined) problems.push(`${shown}:${line}: "${specifier}": ${problem}`)
        }
        if (isSource) checkSource(owner, shown, code)
      }
    }
  }
  return { problems, warnings, sources }
}
