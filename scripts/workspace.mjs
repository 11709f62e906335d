// What the other scripts need to know about the workspace: its packages, and the files in them.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const projectRoot = fileURLToPath(new URL("..", import.meta.url))

/** @returns {Array<{ directory: string, folder: string, manifest: any }>} every package below `packages/` */
export const packagesOf = (/** @type {string} */ root) =>
  readdirSync(join(root, "packages"))
    .filter((folder) => existsSync(join(root, "packages", folder, "package.json")))
    .sort()
    .map((folder) => {
      const directory = join(root, "packages", folder)
      return { directory, folder, manifest: JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) }
    })

/** @returns {Array<string>} every file below `directory` whose name ends in `extension`, node_modules left out */
export const filesBelow = (/** @type {string} */ directory, /** @type {string} */ extension) =>
  existsSync(directory)
    ? readdirSync(directory, { withFileTypes: true })
        .filter((entry) => entry.name !== "node_modules" && entry.name !== "dist" && !entry.name.startsWith("."))
        .flatMap((entry) => {
          const path = join(directory, entry.name)
          return entry.isDirectory() ? filesBelow(path, extension) : entry.name.endsWith(extension) ? [path] : []
        })
        .sort()
    : []
