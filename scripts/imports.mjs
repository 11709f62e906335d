// Reads TypeScript just well enough to know what a file imports: comments, strings, templates and regular expressions
// are told from code, so that an import in an example or in a message is none.

const opensRegExp = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|yield|await|else|do))\s*$/
const precedesSpecifier = /(?:\bfrom|\bimport|\b(?:import|require)\s*\()\s*$/

/**
 * The module specifiers of a source text with their lines, types-only and dynamic imports included, and its code:
 * the same text on the same lines without comments and without what stands inside strings.
 *
 * @returns {{ imports: Array<{ specifier: string, line: number }>, code: string }}
 */
export const readSource = (/** @type {string} */ text) => {
  /** @type {Array<{ specifier: string, line: number }>} */
  const imports = []
  let code = ""
  let line = 1
  let at = 0
  /**
   * Braces open inside each `${` that we are in; a template goes on where its count is back at 0.
   *
   * @type {Array<number>}
   */
  const templates = []

  const blank = (/** @type {number} */ end) => {
    for (; at < end; at++) {
      if (text[at] === "\n") {
        line++
        code += "\n"
      }
    }
  }
  const endOf = (/** @type {string} */ mark, /** @type {number} */ from) => {
    const found = text.indexOf(mark, from)
    return found === -1 ? text.length : found + mark.length
  }
  const closing = (/** @type {string} */ quote) => {
    let end = at + 1
    while (end < text.length && text[end] !== quote && text[end] !== "\n") {
      end += text[end] === "\\" ? 2 : 1
    }
    return end
  }
  const template = () => {
    while (at < text.length && text[at] !== "`") {
      if (text[at] === "\\") {
        blank(at + 2)
      } else if (text.startsWith("${", at)) {
        blank(at + 2)
        templates.push(0)
        return
      } else {
        blank(at + 1)
      }
    }
    blank(at + 1)
    code += "``"
  }
  const regExp = () => {
    let inClass = false
    let end = at + 1
    while (end < text.length && text[end] !== "\n" && (inClass || text[end] !== "/")) {
      if (text[end] === "\\") end++
      else if (text[end] === "[") inClass = true
      else if (text[end] === "]") inClass = false
      end++
    }
    blank(end + 1)
    code += "/ /"
  }

  while (at < text.length) {
    const character = text[at]
    if (text.startsWith("//", at)) {
      const end = text.indexOf("\n", at)
      blank(end === -1 ? text.length : end)
    } else if (text.startsWith("/*", at)) {
      blank(endOf("*/", at + 2))
    } else if (character === '"' || character === "'") {
      const end = closing(character)
      if (precedesSpecifier.test(code.slice(-200))) {
        imports.push({ specifier: text.slice(at + 1, end), line })
      }
      blank(end + 1)
      code += '""'
    } else if (character === "`") {
      at++
      template()
    } else if (character === "/" && opensRegExp.test(code.slice(-200))) {
      regExp()
    } else {
      const braces = templates.pop()
      if (braces === 0 && character === "}") {
        at++
        template()
        continue
      }
      if (braces !== undefined) templates.push(braces + (character === "{" ? 1 : character === "}" ? -1 : 0))
      if (character === "\n") line++
      code += character
      at++
    }
  }
  return { imports, code }
}
