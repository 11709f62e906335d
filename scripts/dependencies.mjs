// What `npm run dependencies` finds: between docs/dependencies.md and the manifests, and in the manifests themselves.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { installedPackages, lockProblems } from "./lockFile.mjs"
import { packagesOf } from "./workspace.mjs"

/** @typedef {{ readonly folder: string, readonly manifest: any }} Member a package of the workspace; the root is one */
/** @typedef {import("./lockFile.mjs").Installed} Installed */

const kinds = /** @type {const} */ ([
  ["peer", "peerDependencies"],
  ["run", "dependencies"],
  ["dev", "devDependencies"],
  ["optional", "optionalDependencies"]
])

/** Peers that a published package may have. */
const peersAllowed = new Set(["effect", "@effect/platform"])

/** What npm runs on a user's machine when a package is installed. */
const atInstall = ["preinstall", "install", "postinstall", "prepare"]

const read = (/** @type {string} */ root, /** @type {string} */ path) =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : ""

/** The rows of the tables below `## heading`, whose first cell is in backquotes. */
const rowsOf = (/** @type {string} */ markdown, /** @type {string} */ heading) =>
  markdown
    .split(/^## /m)
    .filter((part) => part.startsWith(`${heading}\n`))
    .flatMap((part) => part.split("\n"))
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim())
    )

const named = (/** @type {string | undefined} */ cell) => (cell ?? "").replaceAll("`", "")

/** Who depends on what: `peer client, node; dev pool`, by the dependency's name. */
const usersByName = (/** @type {ReadonlyArray<Member>} */ members) => {
  /** @type {Map<string, string>} */
  const users = new Map()
  for (const [kind, field] of kinds) {
    /** @type {Map<string, Array<string>>} */
    const ofKind = new Map()
    for (const { folder, manifest } of members) {
      for (const name of Object.keys(manifest[field] ?? {})) ofKind.set(name, [...(ofKind.get(name) ?? []), folder])
    }
    for (const [name, folders] of ofKind) {
      const before = users.get(name)
      users.set(name, `${before === undefined ? "" : `${before}; `}${kind} ${folders.join(", ")}`)
    }
  }
  return users
}

/** The list against the manifests: complete, current, and with a reason for each. */
const listProblems = (
  /** @type {string} */ markdown,
  /** @type {ReadonlyArray<Member>} */ members,
  /** @type {ReadonlyArray<Installed>} */ installed
) => {
  const licences = new Map([
    ...installed.map(({ manifest }) => /** @type {const} */ ([manifest.name, manifest.license])),
    ...members.map(({ manifest }) => /** @type {const} */ ([manifest.name, manifest.license]))
  ])
  const users = usersByName(members)
  const rows = [...rowsOf(markdown, "Published packages"), ...rowsOf(markdown, "Development")]
  const problems = rows.flatMap(([dependency, licence, usedBy, why], i) => {
    const name = named(dependency)
    const expected = users.get(name)
    if (expected === undefined) return [`${name}: no package depends on it`]
    return [
      ...(rows.findIndex(([other]) => other === dependency) === i ? [] : [`${name}: is listed twice`]),
      ...(usedBy === expected ? [] : [`${name}: used by: ${expected}; the list says: ${usedBy}`]),
      ...(licence === licences.get(name) ? [] : [`${name}: licence: ${licences.get(name)}; the list says: ${licence}`]),
      ...((why ?? "").length > 10 ? [] : [`${name}: has no reason`])
    ]
  })
  const listed = new Set(rows.map(([dependency]) => named(dependency)))
  for (const [name, expected] of users) {
    if (!listed.has(name))
      problems.push(`${name}: missing: | \`${name}\` | ${licences.get(name)} | ${expected} | why |`)
  }
  return problems.map((problem) => `docs/dependencies.md: ${problem}`)
}

/** What a published package brings along, runs and says of itself. */
const publishedProblems = (/** @type {ReadonlyArray<Member>} */ members) => {
  const published = members.filter(({ manifest }) => manifest.private !== true)
  const siblings = new Set(published.map(({ manifest }) => manifest.name))
  return published.flatMap(({ manifest }) => {
    /** @type {Array<string>} */
    const problems = []
    for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
      if (!siblings.has(name)) problems.push(`${name}: a published package depends on its siblings only`)
      else if (!String(range).startsWith("workspace:")) problems.push(`${name}: a sibling's range is workspace:`)
    }
    for (const name of Object.keys(manifest.peerDependencies ?? {})) {
      if (!peersAllowed.has(name)) problems.push(`${name}: is no peer that a published package may ask for`)
    }
    for (const field of ["optionalDependencies", "bundledDependencies", "bundleDependencies", "bin"]) {
      if (manifest[field] !== undefined) problems.push(`${field}: a published package has none`)
    }
    for (const script of atInstall) {
      if (manifest.scripts?.[script] !== undefined) problems.push(`${script}: would run on a user's machine`)
    }
    if (manifest.license !== "MIT") problems.push(`license: ${manifest.license}, not MIT`)
    if (!manifest.files?.includes("dist")) problems.push("files: does not name dist")
    if (manifest.publishConfig?.access !== "public") problems.push("publishConfig.access: not public")
    if (manifest.publishConfig?.provenance !== true) problems.push("publishConfig.provenance: not true")
    if (manifest.publishConfig?.registry !== undefined) problems.push("publishConfig.registry: names a registry")
    return problems.map((problem) => `${manifest.name}: ${problem}`)
  })
}

/** Each version is one version, whoever installs, whenever; the catalog holds none that nobody asks for. */
const rangeProblems = (
  /** @type {ReadonlyArray<Member>} */ members,
  /** @type {Readonly<Record<string, string>>} */ catalog
) => {
  const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/
  return [
    ...Object.entries(catalog)
      .filter(([, version]) => !exact.test(version))
      .map(([name, version]) => `pnpm-workspace.yaml: ${name}: ${version} is not one version`),
    ...Object.keys(catalog)
      .filter(
        (name) => !kinds.some(([, field]) => members.some(({ manifest }) => manifest[field]?.[name] === "catalog:"))
      )
      .map((name) => `pnpm-workspace.yaml: ${name}: no package asks for it`),
    ...members.flatMap(({ manifest }) =>
      kinds
        .filter(([kind]) => kind !== "peer")
        .flatMap(([, field]) => Object.entries(/** @type {Record<string, string>} */ (manifest[field] ?? {})))
        .filter(([, range]) => range !== "catalog:" && !range.startsWith("workspace:") && !exact.test(range))
        .map(([name, range]) => `${manifest.name}: ${name}: ${range} is not one version`)
    )
  ]
}

/** Licences of everything that is installed, against the lists of the document. */
const licenceProblems = (/** @type {string} */ markdown, /** @type {ReadonlyArray<Installed>} */ installed) => {
  const allowed = new Set(rowsOf(markdown, "Licences").map(([licence]) => named(licence)))
  const byHand = new Set(rowsOf(markdown, "Licences read by hand").map(([name]) => named(name)))
  const problems = installed
    .filter(({ id, manifest }) => !allowed.has(manifest.license) && !byHand.has(id))
    .map(({ id, manifest }) => `${id}: its licence is ${JSON.stringify(manifest.license)}, which is not on the list`)
  const used = new Set(installed.map(({ manifest }) => manifest.license))
  const there = new Set(installed.map(({ id }) => id))
  return [
    ...problems,
    ...[...allowed].filter((licence) => !used.has(licence)).map((licence) => `${licence}: no package has this licence`),
    ...[...byHand].filter((id) => !there.has(id)).map((id) => `${id}: is not installed, and its licence is listed`)
  ]
}

/** Nothing that is installed needs to run a script, and what would like to is named. */
const scriptProblems = (
  /** @type {string} */ markdown,
  /** @type {any} */ settings,
  /** @type {ReadonlyArray<Installed>} */ installed
) => {
  const ignored = new Set(/** @type {Array<string>} */ (settings.ignoredBuiltDependencies ?? []))
  const explained = new Set(rowsOf(markdown, "Install scripts").map(([name]) => named(name)))
  const wanting = new Set(installed.filter(({ builds }) => builds).map(({ manifest }) => String(manifest.name)))
  return [
    ...["onlyBuiltDependencies", "onlyBuiltDependenciesFile", "dangerouslyAllowAllBuilds"]
      .filter((field) => settings[field] !== undefined)
      .map((field) => `pnpm-workspace.yaml: ${field}: no dependency may run a script`),
    ...[...wanting].filter((name) => !ignored.has(name)).map((name) => `${name}: has a script at install time`),
    ...[...ignored].filter((name) => !wanting.has(name)).map((name) => `${name}: is ignored and has no script`),
    ...[...ignored]
      .filter((name) => !explained.has(name))
      .map((name) => `docs/dependencies.md: ${name}: its script is not explained`),
    ...[...explained]
      .filter((name) => !ignored.has(name))
      .map((name) => `docs/dependencies.md: ${name}: explains a script that is not ignored`)
  ]
}

/** Everything that is wrong with the dependencies of the workspace at `root`, and how much was looked at. */
export const dependencyProblems = (/** @type {string} */ root) => {
  const markdown = read(root, "docs/dependencies.md")
  const settings = parse(read(root, "pnpm-workspace.yaml")) ?? {}
  /** @type {ReadonlyArray<Member>} */
  const members = [{ folder: "root", manifest: JSON.parse(read(root, "package.json")) }, ...packagesOf(root)]
  const lock = parse(read(root, "pnpm-lock.yaml")) ?? {}
  const installed = installedPackages(root, lock)
  const problems = [
    ...listProblems(markdown, members, installed),
    ...publishedProblems(members),
    ...rangeProblems(members, settings.catalog ?? {}),
    ...lockProblems(lock, installed),
    ...licenceProblems(markdown, installed),
    ...scriptProblems(markdown, settings, installed),
    ...[".npmrc", "pnpm-workspace.yaml"]
      .filter((file) => /registry|_auth/i.test(read(root, file)))
      .map((file) => `${file}: names a registry, or holds a credential`)
  ]
  return { problems, direct: usersByName(members).size, installed: installed.length }
}
