/**
 * Interleaved rounds: every contestant has one turn in each round, so that whatever else the machine does meets all of
 * them. A figure is microseconds of this process's CPU per operation. What counts are ratios within one round, and of
 * those the median: two turns of one round are neighbours in time, two medians need not be.
 */
import * as Effect from "effect/Effect"

/** Microseconds. */
export interface Latency {
  readonly p50: number
  readonly p99: number
}

export interface Contestant {
  readonly name: string
  /** Runs `operations` operations. */
  readonly run: (operations: number) => Effect.Effect<void>
  /** Done before each turn, off the record. */
  readonly prepare?: Effect.Effect<void>
  /** How long its operations took since this was last called. */
  readonly latency?: () => Latency
}

export interface Rounds {
  readonly warmUp: number
  readonly operations: number
  readonly rounds: number
}

/** One contestant's figures, round by round; none, if it cannot do what is measured. */
export interface Figures {
  readonly name: string
  readonly perRound: ReadonlyArray<number>
}

export interface Measured {
  /** Microseconds of CPU time per operation. */
  readonly cpu: ReadonlyArray<Figures>
  readonly perSecond: ReadonlyArray<Figures>
  /** Microseconds; of those contestants that tell them. */
  readonly p50: ReadonlyArray<Figures>
  readonly p99: ReadonlyArray<Figures>
}

/** What operations cost, in CPU time. */
export const measure = (
  contestants: ReadonlyArray<Contestant>,
  rounds: Rounds
): Effect.Effect<ReadonlyArray<Figures>> => Effect.map(measureAll(contestants, rounds), ({ cpu }) => cpu)

/** What operations cost, how many are done in a second, and how long they take. */
export const measureAll = (contestants: ReadonlyArray<Contestant>, rounds: Rounds): Effect.Effect<Measured> =>
  Effect.map(interleaved(contestants, rounds, turn), (turns) => {
    const figures = (of: (turn: Turn) => number | undefined): ReadonlyArray<Figures> =>
      turns.map(({ name, perRound }) => ({ name, perRound: perRound.map(of).filter((one) => one !== undefined) }))
    const told = (figures: ReadonlyArray<Figures>) => figures.filter(({ perRound }) => perRound.length > 0)
    return {
      cpu: figures(({ cpu }) => cpu),
      perSecond: figures(({ perSecond }) => perSecond),
      p50: told(figures(({ latency }) => latency?.p50)),
      p99: told(figures(({ latency }) => latency?.p99))
    }
  })

interface Turn {
  readonly cpu: number
  readonly perSecond: number
  readonly latency: Latency | undefined
}

const turn = (contestant: Contestant, operations: number): Effect.Effect<Turn> =>
  Effect.gen(function* () {
    contestant.latency?.()
    const since = performance.now()
    const before = process.cpuUsage()
    yield* contestant.run(operations)
    const { system, user } = process.cpuUsage(before)
    const seconds = (performance.now() - since) / 1000
    return {
      cpu: (user + system) / operations,
      perSecond: operations / seconds,
      latency: contestant.latency?.()
    }
  })

/** Everybody warms up; then everybody has one turn in each round, and what it showed is told by contestant. */
export const interleaved = <A>(
  contestants: ReadonlyArray<Contestant>,
  { operations, rounds, warmUp }: Rounds,
  turn: (contestant: Contestant, operations: number) => Effect.Effect<A>
): Effect.Effect<ReadonlyArray<{ readonly name: string; readonly perRound: ReadonlyArray<A> }>> =>
  Effect.gen(function* () {
    const turns = contestants.map(({ name }) => ({ name, perRound: [] as Array<A> }))
    for (const { prepare = Effect.void, run } of contestants) yield* Effect.zipRight(prepare, run(warmUp))
    for (let round = 0; round < rounds; round++) {
      for (const at of order(contestants.length, round)) {
        const contestant = contestants[at]!
        yield* contestant.prepare ?? Effect.void
        yield* tidy
        turns[at]!.perRound.push(yield* turn(contestant, operations))
      }
    }
    return turns
  })

/**
 * Who has a turn when. Nobody follows the same neighbour twice in as many rounds as there are contestants, if their
 * number is even (a Williams design), and seldom if it is odd: whoever ran before has left caches and compiled code
 * behind, which are worth more to some than to others.
 */
export const order = (contestants: number, round: number): ReadonlyArray<number> =>
  Array.from({ length: contestants }, (_, place) => {
    const zigzag = place % 2 === 0 ? place / 2 : contestants - (place + 1) / 2
    return (zigzag + round) % contestants
  })

/** Nobody pays for the garbage of the turn before. Not a full collection: it throws optimised code away. */
export const tidy = Effect.sync(() => globalThis.gc?.({ type: "minor" }))

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** The least value that so much of all are no greater than: 0.99 is the 99th percentile. NaN of none. */
export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN
}

/** How many times as much as the other, taken round by round. NaN if one of them has no figures. */
export const ratio = (figures: Figures, reference: Figures): number =>
  median(figures.perRound.map((figure, round) => figure / (reference.perRound[round] ?? NaN)))

export const named = (figures: ReadonlyArray<Figures>, name: string): Figures => {
  const found = figures.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`nobody is called ${name}`)
  return found
}
