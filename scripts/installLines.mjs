// What a README tells a reader to install, and whether that is enough: the lines, the programs beside them, and what is
// wrong between the two. Installing and running them is check-install.mjs.

/**
 * @typedef {{ lines: Array<string>, programs: Array<string> }} Told
 */

/** @returns {Told} the `npm install` lines of a page, and its programs, in order */
export const readPage = (/** @type {string} */ markdown) => {
  /** @type {Array<string>} */
  const lines = []
  /** @type {Array<string>} */
  const programs = []
  for (const [, language, text = ""] of markdown.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```$/gm)) {
    if (language === "sh") lines.push(...text.split("\n").filter((line) => line.startsWith("npm install ")))
    if (language === "ts") programs.push(text)
  }
  return { lines, programs }
}

/** @returns {Array<{ name: string, range: string }>} what a line installs */
export const installedBy = (/** @type {string} */ line) =>
  line
    .split(/\s+/)
    .slice(2)
    .filter((word) => !word.startsWith("-"))
    .map((word) => {
      const at = word.indexOf("@", 1)
      return at === -1 ? { name: word, range: "" } : { name: word.slice(0, at), range: word.slice(at + 1) }
    })

/** @returns {Set<string>} the packages that a program imports, Node.js's own modules left out */
export const importedBy = (/** @type {string} */ program) =>
  new Set(
    [...program.matchAll(/^(?:import|export)\s+(?:[\w*{][^"'=;()]*\sfrom\s+)?["']([^"'.][^"']*)["']/gm)]
      .map(([, specifier = ""]) => specifier)
      .filter((specifier) => !specifier.startsWith("node:"))
      .map((specifier) =>
        specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/")
      )
  )

/**
 * @returns {Array<string>} what is wrong with a page: nothing to install, a package of others without its major, which
 * breaks with its next one, or a program that imports what no line installs, which strict installers do not find
 */
export const problemsOf = (/** @type {string} */ page, /** @type {Told} */ { lines, programs }) => {
  const installed = lines.flatMap(installedBy)
  const names = new Set(installed.map(({ name }) => name))
  const problems = lines.length === 0 ? [`${page}: has no line that begins with npm install`] : []
  for (const { name, range } of installed) {
    if (!name.startsWith("@hotaru/") && !/^\d/.test(range)) {
      problems.push(`${page}: ${name} is installed without its major version: its next one would break the page`)
    }
  }
  for (const program of programs) {
    for (const name of importedBy(program)) {
      if (!names.has(name)) problems.push(`${page}: a program imports ${name}, which no line installs`)
    }
  }
  return [...new Set(problems)]
}

/** @returns {Array<string>} the lines of an installer's output that a reader would take for a fault */
export const complaintsIn = (/** @type {string} */ output) =>
  output
    .split("\n")
    .filter((line) => /\bpeers?\b|ERESOLVE|\bERR[!_]|npm error/i.test(line))
    .map((line) => line.trim())
