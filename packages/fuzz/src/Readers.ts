/** Who reads, and what is known to differ. */
import type { Case } from "./Case.js"
import { type Difference, isOf } from "./Difference.js"
import { bodies } from "./differences/bodies.js"
import { clients } from "./differences/clients.js"
import { connections } from "./differences/connections.js"
import { heads } from "./differences/heads.js"
import { limits } from "./differences/limits.js"
import { undici } from "./differences/undici.js"
import type { Reading } from "./Reading.js"
import * as NodeHttp from "./readers/NodeHttp.js"
import { NodeParser } from "./readers/NodeParser.js"
import * as Ours from "./readers/Ours.js"
import * as Undici from "./readers/Undici.js"

export interface Readers {
  readonly ours: (given: Case) => Reading
  /** `end`: where ours says that the answer ends. */
  readonly theirs: (given: Case, end: number | undefined) => Reading
}

const parser = new NodeParser()

/** The codec, and the parser that Node's client is made of: every case. */
export const standard: Readers = {
  ours: (given) => Ours.read(given),
  theirs: (given, end) => parser.read(given, end)
}

/** Whatever the version. */
export const everyDifference: ReadonlyArray<Difference> = [...limits, ...clients, ...heads, ...bodies, ...connections]

/** Whatever the version, too. */
export const everyDifferenceOfUndici: ReadonlyArray<Difference> = undici

/** Whether it is one with the llhttp of this Node. */
export const isHere = (one: Difference): boolean => isOf(one, process.versions["llhttp"] ?? "")

export const differences: ReadonlyArray<Difference> = everyDifference.filter(isHere)

/** A whole client, compared with that parser on a part of the cases. What differs from the codec in both is named once. */
export interface Client {
  readonly name: string
  readonly read: (given: Case, end: number | undefined) => Promise<Reading>
  readonly differences: ReadonlyArray<Difference>
}

export const clientsOfAPart: ReadonlyArray<Client> = [
  { name: "node:http", read: NodeHttp.read, differences: [] },
  { name: "undici", read: Undici.read, differences: undici.filter(isHere) }
]

/** The parser byte by byte, which tells exactly where it sees the answer's end. */
export const reference = (given: Case): Reading => parser.readEach(given)
