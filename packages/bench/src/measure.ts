/**
 * Interleaved rounds: each contestant runs once per round, so that whatever else the machine does meets all of them.
 * Figures are microseconds of this process's CPU per operation; their ratios within one run are what counts.
 */
import { Effect } from "effect"

export interface Contestant<E> {
  readonly name: string
  /** Runs `operations` operations. */
  readonly run: (operations: number) => Effect.Effect<void, E>
}

export interface Row {
  readonly name: string
  readonly median: number
  readonly best: number
  readonly worst: number
}

export interface Rounds {
  readonly warmUp: number
  readonly operations: number
  readonly rounds: number
}

export const measure = <E>(
  contestants: ReadonlyArray<Contestant<E>>,
  { operations, rounds, warmUp }: Rounds
): Effect.Effect<ReadonlyArray<Row>, E> =>
  Effect.gen(function* () {
    const figures = new Map(contestants.map(({ name }) => [name, [] as Array<number>]))
    for (const contestant of contestants) yield* contestant.run(warmUp)
    for (let round = 0; round < rounds; round++) {
      for (const contestant of contestants) {
        const before = process.cpuUsage()
        yield* contestant.run(operations)
        const spent = process.cpuUsage(before)
        figures.get(contestant.name)?.push((spent.user + spent.system) / operations)
      }
    }
    return contestants.map(({ name }) => {
      const sorted = [...(figures.get(name) ?? [])].sort((a, b) => a - b)
      return {
        name,
        median: sorted[sorted.length >> 1] ?? NaN,
        best: sorted[0] ?? NaN,
        worst: sorted[sorted.length - 1] ?? NaN
      }
    })
  })

/** A table with every median as a ratio to that of the reference. */
export const table = (title: string, rows: ReadonlyArray<Row>, reference: string): string => {
  const base = rows.find((row) => row.name === reference)?.median ?? NaN
  const width = Math.max(...rows.map((row) => row.name.length))
  const lines = rows.map(
    ({ best, median, name, worst }) =>
      `  ${name.padEnd(width)}  ${median.toFixed(2).padStart(8)} µs  ${(median / base).toFixed(2).padStart(5)} ×` +
      `  (${best.toFixed(2)} to ${worst.toFixed(2)})`
  )
  return [title, ...lines].join("\n")
}
