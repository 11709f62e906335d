/** The tests and groups of a test file, by their titles as they stand in its source. */
export interface Title {
  /** A literal's text; a template's source. */
  readonly title: string
  /** False if it is skipped, to be written, or expected to fail, or a group of its file is. */
  readonly counts: boolean
}

const passive = /\.(skip|skipIf|runIf|todo|fails)\b/
const passiveGroup = /^ *describe\.(skip|skipIf|runIf|todo)\b/m

/** A call at the beginning of a line whose first argument is a literal; `each` and its cases may stand between. */
const call =
  /^ *(?:describe|it|test)((?:\.\w+)*)(?:\((?:[^()\n]|\([^()\n]*\))*\)(?=\())?\(\s*(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`)/gm

export const titlesIn = (source: string): ReadonlyArray<Title> => {
  const allRun = !passiveGroup.test(source)
  return [...source.replace(/^( *)for \([^\n]*?\) (?=it|test)/gm, "$1").matchAll(call)].map(
    ([, modifiers, double, single, template]) => ({
      title: double?.replaceAll('\\"', '"') ?? single ?? template ?? "",
      counts: allRun && !passive.test(modifiers ?? "")
    })
  )
}
