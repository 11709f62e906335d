/** Tells of a function in the profile what it is called, where it is written and whose it is. */
import { basename } from "node:path"
import * as Owners from "./owners.js"

/** A function as the profiler knows it: lines and columns begin at 0. No URL: it is no JavaScript. */
export interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
  readonly columnNumber: number
}

export interface Located {
  readonly name: string
  /** File and line; undefined for native code. */
  readonly place: string | undefined
  readonly owner: Owners.Owner
}

export type Locate = (frame: CallFrame) => Located

/** Where a function is written. */
export interface Source {
  /** From the root of the repository, or from the last `node_modules`; `node:` and a name for Node's own. */
  readonly path: string
  /** The first is 1. */
  readonly line: number
  /** What stands in that line; empty if it cannot be read. */
  readonly text: string
}

export type SourceOf = (frame: CallFrame) => Source

/** The bundler appends a number to a name that is taken: it is no part of the name if the source does not have it. */
const asWritten = (name: string, { text }: Source): string =>
  text === "" || text.includes(name) ? name : name.replace(/\d+$/, "")

/** Functions without a name are called by what they are computed from, as Effect's steps are, or else by their place. */
const nameless = ({ line, path, text }: Source): string =>
  /^\s*(\[[\w.]+\])\(/.exec(text)?.[1]?.replace("OpCodes.", "") ?? `${basename(path)}:${line}`

export const locating =
  (sourceOf: SourceOf): Locate =>
  (frame) => {
    const { functionName, url } = frame
    if (url === "") return { name: functionName, place: undefined, owner: Owners.ofNative(functionName) }
    const source = sourceOf(frame)
    return {
      name: functionName === "" ? nameless(source) : asWritten(functionName, source),
      place: `${source.path}:${source.line}`,
      owner: Owners.ofPath(source.path)
    }
  }
