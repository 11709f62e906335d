// Type-checks the examples of the documentation: every ```ts block in a doc comment of a package's src, and in the
// Markdown of the root, of docs/ and of the packages. A block marked ```ts no-check is left out.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { filesBelow, packagesOf, projectRoot } from "./workspace.mjs"

const root = process.argv[2] ?? projectRoot
const packages = packagesOf(root)

const isFile = /** @type {const} */ ({ withFileTypes: true })
const markdown = [
  ...readdirSync(root, isFile)
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map(({ name }) => join(root, name)),
  ...filesBelow(join(root, "docs"), ".md"),
  ...packages.map(({ directory }) => join(directory, "README.md")).filter(existsSync)
]
const sources = packages.flatMap(({ directory }) => filesBelow(join(directory, "src"), ".ts"))

/** @typedef {{ file: string, line: number, lines: Array<string>, checked: boolean }} Example */

/** The blocks of a file with the line on which each begins; in a source file only those inside doc comments. */
const examplesOf = (/** @type {string} */ file) => {
  const isSource = file.endsWith(".ts")
  /** @type {Array<Example>} */
  const examples = []
  let inComment = !isSource
  /** @type {Example | undefined} */
  let open
  readFileSync(file, "utf8")
    .split("\n")
    .forEach((written, index) => {
      const line = isSource ? written.replace(/^\s*\* ?/, "") : written
      if (isSource && /^\s*\/\*\*/.test(written)) inComment = true
      const fence = inComment ? /^\s*(`{3,})\s*(.*)$/.exec(line) : null
      if (fence !== null && open !== undefined && fence[2] === "") {
        if (open.checked) examples.push(open)
        open = undefined
      } else if (fence !== null && open === undefined) {
        const [language, ...marks] = (fence[2] ?? "").split(/\s+/)
        const isTypeScript = language === "ts" || language === "typescript"
        open = { file, line: index + 2, lines: [], checked: isTypeScript && !marks.includes("no-check") }
      } else if (open !== undefined) {
        open.lines.push(line)
      }
      if (isSource && written.includes("*/")) inComment = false
    })
  if (open !== undefined) throw new Error(`${relative(root, file)}:${open.line - 1}: this block is never closed`)
  return examples
}

const examples = [...markdown, ...sources].flatMap(examplesOf)

// The tour depends on every package and on all that users import beside them: from below it, each import resolves.
const cache = join(root, "packages", "demo", "node_modules", ".cache")
mkdirSync(cache, { recursive: true })
const project = mkdtempSync(join(cache, "examples-"))
try {
  examples.forEach(({ lines }, index) => {
    writeFileSync(join(project, `example${index}.ts`), `${lines.join("\n")}\n`)
  })
  const settings = {
    extends: join(root, "tsconfig.base.json"),
    compilerOptions: {
      noEmit: true,
      composite: false,
      incremental: false,
      declaration: false,
      declarationMap: false,
      // An example shows a value and need not use it.
      noUnusedLocals: false
    },
    files: examples.map((_, index) => `example${index}.ts`)
  }
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(settings))
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }))
  if (examples.length > 0) {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
    const result = spawnSync(process.execPath, [tsc, "-p", ".", "--pretty", "false"], {
      cwd: project,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024
    })
    // tsc speaks of our copies: say which example is meant.
    const output = `${result.stdout}${result.stderr}`.replace(
      /^(\S+\.ts)\((\d+),(\d+)\)/gm,
      (_, path, line, column) => {
        const index = /^example(\d+)\.ts$/.exec(path)?.[1]
        if (index === undefined) return `${relative(root, join(project, path))}:${line}:${column}`
        const { file, line: start } = /** @type {Example} */ (examples[Number(index)])
        return `${relative(root, file)}:${start + Number(line) - 1}:${column} (example from line ${start})`
      }
    )
    process.stderr.write(output)
    process.exitCode = result.status === 0 ? 0 : 1
  }
} finally {
  rmSync(project, { recursive: true, force: true })
}
process.stdout.write(`${examples.length} examples of ${new Set(examples.map(({ file }) => file)).size} files\n`)
