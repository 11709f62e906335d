/** Finds the source of a function: for the bundle by its map, for what is imported in the file itself. */
import { readFileSync } from "node:fs"
import { dirname, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping"
import type { CallFrame, Source, SourceOf } from "./locate.js"

const root = fileURLToPath(new URL("../../../..", import.meta.url))

const remembered = <A>(make: (file: string) => A): ((file: string) => A) => {
  const all = new Map<string, A>()
  return (file) => {
    let one = all.get(file)
    if (one === undefined) {
      one = make(file)
      all.set(file, one)
    }
    return one
  }
}

const shown = (file: string): string => {
  const path = relative(root, file).replaceAll(sep, "/")
  return /.*\/node_modules\/(.+)$/.exec(`/${path}`)?.[1] ?? path
}

/** For a bundle in this folder, whose maps lie beside its files. */
export const sources = (bundle: string): SourceOf => {
  const mapOf = remembered((file) => new TraceMap(readFileSync(`${file}.map`, "utf8"), file))
  const linesOf = remembered((file) => readFileSync(file, "utf8").split("\n"))

  const traced = (file: string, { columnNumber, lineNumber }: CallFrame): Source | undefined => {
    const { line, source } = originalPositionFor(mapOf(file), { line: lineNumber + 1, column: columnNumber })
    return source === null ? undefined : { path: shown(source), line, text: linesOf(source)[line - 1] ?? "" }
  }

  return (frame) => {
    const line = frame.lineNumber + 1
    if (!frame.url.startsWith("file:")) return { path: frame.url, line, text: "" }
    const file = fileURLToPath(frame.url)
    // What the bundler adds of its own is on no map.
    const found = dirname(file) === bundle ? traced(file, frame) : undefined
    return found ?? { path: shown(file), line, text: linesOf(file)[line - 1] ?? "" }
  }
}
