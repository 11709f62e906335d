/** Chance that is the same for the same seed. Each part of a run draws from a stream of its own. */
import { PCGRandom } from "effect/Utils"

export class Draw {
  private readonly random: PCGRandom

  constructor(seed: number, stream: number) {
    this.random = new PCGRandom(stream, seed)
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 8; i++) this.random.number()
  }

  /** From 0 to less than 1. */
  readonly number = (): number => this.random.number()

  /** A whole number, both ends included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.number() * (to - from + 1))
  }

  chance(probability: number): boolean {
    return this.number() < probability
  }

  pick<A>(from: readonly [A, ...Array<A>]): A
  pick<A>(from: ReadonlyArray<A>): A | undefined
  pick<A>(from: ReadonlyArray<A>): A | undefined {
    return from[Math.floor(this.number() * from.length)]
  }

  /** One of the values, each as often as its weight says. */
  weighted<A>(from: ReadonlyArray<readonly [weight: number, value: A]>): A {
    let left = this.number() * from.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, value] of from) {
      left -= weight
      if (left < 0) return value
    }
    return (from[from.length - 1] as readonly [number, A])[1]
  }
}
