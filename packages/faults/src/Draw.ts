/** Chance from a seed: the same seed and the same number draw the same. */
import { PCGRandom } from "effect/Utils"

export class Draw {
  private readonly random: PCGRandom

  /** @param number tells the things apart that are drawn with one seed: requests, connections. */
  constructor(seed: number, number: number) {
    this.random = new PCGRandom(seed, number)
  }

  /** Below `end`. */
  below(end: number): number {
    return this.random.integer(end)
  }

  chance(share: number): boolean {
    return this.random.number() < share
  }

  /** From `from` to below `to`, as many from 1 to 10 as from 10 to 100. */
  spread(from: number, to: number): number {
    return Math.floor(from * (to / from) ** this.random.number())
  }

  /** One of the names, by its weight. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries(weights) as Array<[Name, number]>
    let left = this.random.number() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [name, weight] of entries) {
      left -= weight
      if (left < 0) return name
    }
    return entries[entries.length - 1]![0]
  }
}
