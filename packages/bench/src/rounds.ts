/**
 * Interleaved rounds: every contestant has one turn in each round, so that whatever else the machine does meets all of
 * them. A figure is microseconds of this process's CPU per operation. What counts are ratios within one round, and of
 * those the median: two turns of one round are neighbours in time, two medians need not be.
 */
import * as Effect from "effect/Effect"

export interface Contestant {
  readonly name: string
  /** Runs `operations` operations. */
  readonly run: (operations: number) => Effect.Effect<void>
  /** Done before each turn, off the record. */
  readonly prepare?: Effect.Effect<void>
  /** How long its operations took since this was last called: the median, in microseconds. */
  readonly latency?: () => number
}

export interface Rounds {
  readonly warmUp: number
  readonly operations: number
  readonly rounds: number
}

/** One contestant's figures, round by round. */
export interface Figures {
  readonly name: string
  readonly perRound: ReadonlyArray<number>
}

export interface Measured {
  readonly cpu: ReadonlyArray<Figures>
  /** Of those contestants that tell it. */
  readonly latency: ReadonlyArray<Figures>
}

/** What operations cost, in CPU time. */
export const measure = (
  contestants: ReadonlyArray<Contestant>,
  rounds: Rounds
): Effect.Effect<ReadonlyArray<Figures>> => Effect.map(measureBoth(contestants, rounds), ({ cpu }) => cpu)

/** What operations cost, and how long they take. */
export const measureBoth = (
  contestants: ReadonlyArray<Contestant>,
  { operations, rounds, warmUp }: Rounds
): Effect.Effect<Measured> =>
  Effect.gen(function* () {
    const noFigures = () => contestants.map(({ name }) => ({ name, perRound: [] as Array<number> }))
    const cpu = noFigures()
    const latency = noFigures()
    for (const { prepare = Effect.void, run } of contestants) yield* Effect.zipRight(prepare, run(warmUp))
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < contestants.length; turn++) {
        // Nobody always follows the same neighbour.
        const at = (round + turn) % contestants.length
        const contestant = contestants[at]!
        yield* contestant.prepare ?? Effect.void
        yield* tidy
        contestant.latency?.()
        const before = process.cpuUsage()
        yield* contestant.run(operations)
        const { system, user } = process.cpuUsage(before)
        cpu[at]!.perRound.push((user + system) / operations)
        if (contestant.latency !== undefined) latency[at]!.perRound.push(contestant.latency())
      }
    }
    return { cpu, latency: latency.filter(({ perRound }) => perRound.length > 0) }
  })

/** Nobody pays for the garbage of the turn before. Not a full collection: it throws optimised code away. */
export const tidy = Effect.sync(() => globalThis.gc?.({ type: "minor" }))

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** How many times as much as the other, taken round by round. */
export const ratio = (figures: Figures, reference: Figures): number =>
  median(figures.perRound.map((figure, round) => figure / reference.perRound[round]!))

export const named = (figures: ReadonlyArray<Figures>, name: string): Figures => {
  const found = figures.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`nobody is called ${name}`)
  return found
}
