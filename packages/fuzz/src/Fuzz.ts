/** A batch of cases, made by its seed alone. */
import * as FastCheck from "effect/FastCheck"
import * as Case from "./Case.js"
import { compare, type Verdict } from "./Compare.js"
import { cases } from "./generate/Cases.js"
import { requests as asked } from "./generate/Requests.js"
import * as Readers from "./Readers.js"
import type { Reading } from "./Reading.js"
import * as Requests from "./Requests.js"
import type { Tally } from "./Tally.js"

/** Cases in a batch: the unit that a seed names. */
export const batchSize = 10_000

/** Of so many cases one goes through the whole clients as well, which takes as long as some 40 others. */
export const inSoMany = 50

export interface Failure {
  readonly seed: number
  /** Between whom. */
  readonly readers: string
  /** As source, and as small as it could be made. */
  readonly smallest: string
  readonly shrinks: number
  /** What is wrong with the case shown. */
  readonly problem: string
}

/** What a property throws, so that it is shrunk. */
class Unexplained extends Error {}

const judge = (verdict: Verdict, ours: Reading, theirs: Reading): void => {
  if (verdict._tag !== "Unexplained") return
  const after = verdict.after.length === 0 ? "" : `, after ${verdict.after.join(", ")}`
  throw new Unexplained(`${verdict.what}${after}\n  one:   ${JSON.stringify(ours)}\n  other: ${JSON.stringify(theirs)}`)
}

const failureOf = <A>(
  seed: number,
  readers: string,
  details: FastCheck.RunDetails<[A]>,
  show: (given: A) => string
): Failure | undefined => {
  if (!details.failed) return undefined
  const error = details.errorInstance
  return {
    seed,
    readers,
    smallest: show(details.counterexample![0]),
    shrinks: details.numShrinks,
    // Garbage that makes a reader throw is a failure like another.
    problem:
      error instanceof Unexplained
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error)
  }
}

/** The codec and Node's parser, on so many cases of a seed. */
export const parsers = (
  seed: number,
  numRuns: number,
  tally: Tally,
  readers: Readers.Readers = Readers.standard
): Failure | undefined => {
  let counting = true
  const property = FastCheck.property(cases, (given) => {
    const ours = readers.ours(given)
    const theirs = readers.theirs(given, ours.end)
    const verdict = compare({ given, ours, theirs }, Readers.differences, readers)
    if (counting) tally.add(ours, theirs, verdict)
    // From here on the case is made smaller, and that is not counted.
    if (verdict._tag === "Unexplained") counting = false
    judge(verdict, ours, theirs)
  })
  return failureOf(seed, "codec and Node's parser", FastCheck.check(property, { seed, numRuns }), Case.show)
}

/** Node's parser and whole clients, on so many cases of a seed. */
export const wholeClients = async (seed: number, numRuns: number, tally: Tally): Promise<ReadonlyArray<Failure>> => {
  const failures: Array<Failure> = []
  for (const client of Readers.clientsOfAPart) {
    const property = FastCheck.asyncProperty(cases, async (given) => {
      const ours = Readers.reference(given)
      const theirs = await client.read(given, ours.end)
      const verdict = compare({ given, ours, theirs }, client.differences, {
        ours: Readers.reference,
        theirs: () => {
          throw new Error("A difference of a whole client reads nothing again")
        }
      })
      tally.addClient(client.name, verdict)
      judge(verdict, ours, theirs)
    })
    const details = await FastCheck.check(property, { seed, numRuns })
    const failure = failureOf(seed, `Node's parser and ${client.name}`, details, Case.show)
    if (failure !== undefined) failures.push(failure)
  }
  return failures
}

/** The codec's requests, read by Node's server, on so many of a seed. */
export const requests = async (seed: number, numRuns: number, tally: Tally): Promise<Failure | undefined> => {
  const property = FastCheck.asyncProperty(asked, async (given) => {
    const problem = await Requests.problem(given)
    tally.addRequest(problem)
    if (problem !== undefined && problem !== "refused") throw new Unexplained(problem)
  })
  const details = await FastCheck.check(property, { seed, numRuns })
  return failureOf(seed, "codec and Node's server", details, (given) => JSON.stringify(given))
}
