/** Peers at work, as contestants: so many operations at a time, each timed. */
import * as Effect from "effect/Effect"
import { inFibers, inPromises } from "./contestants.js"
import { Stopwatch } from "./latencies.js"
import type { Done, Operation, Peer } from "./peers/Peer.js"
import { type Contestant, type Measured, measureAll, type Rounds } from "./rounds.js"
import type { Work } from "./Work.js"

/** Does operations one after the other, each begun when the one before has called back. */
class Worker {
  private since = 0

  constructor(
    private readonly once: (done: Done) => void,
    private left: number,
    private readonly watch: Stopwatch,
    private readonly onEnd: Done
  ) {}

  readonly start = (): void => {
    this.left--
    this.since = performance.now()
    this.once(this.done)
  }

  private readonly done: Done = (failure) => {
    this.watch.note(this.since)
    if (failure !== undefined || this.left === 0) this.onEnd(failure)
    else this.start()
  }
}

const inCallbacks =
  (workers: number) =>
  (name: string, once: (done: Done) => void, watch: Stopwatch): Contestant => ({
    name,
    run: (operations) =>
      Effect.async<void>((resume) => {
        let working = workers
        const each = Math.ceil(operations / workers)
        const onEnd: Done = (failure) => {
          if (failure !== undefined) resume(Effect.die(failure))
          else if (--working === 0) resume(Effect.void)
        }
        for (let i = 0; i < workers; i++) new Worker(once, each, watch, onEnd).start()
      })
  })

const timedEffect = <E>(run: Effect.Effect<void, E>, watch: Stopwatch) =>
  Effect.suspend(() => {
    const since = performance.now()
    return Effect.map(run, () => watch.note(since))
  })

const timedPromise = (run: () => Promise<void>, watch: Stopwatch) => async () => {
  const since = performance.now()
  await run()
  watch.note(since)
}

/** An operation done over and over, so many at a time. */
export const contestant = (name: string, operation: Operation, together: number): Contestant => {
  const watch = new Stopwatch()
  const runner = (): Contestant => {
    switch (operation._tag) {
      case "InFiber":
        return inFibers(together)(name, timedEffect(operation.run, watch))
      case "InPromise":
        return inPromises(together)(name, timedPromise(operation.run, watch))
      case "InCallback":
        return inCallbacks(together)(name, operation.run, watch)
    }
  }
  return { ...runner(), latency: () => watch.take() }
}

/** Those of the peers who can do the work. */
export const contestantsOf = (peers: ReadonlyArray<Peer>, work: Work, together: number): ReadonlyArray<Contestant> =>
  peers.flatMap((peer) => {
    const operation = peer.operation(work)
    return operation === undefined ? [] : [contestant(peer.name, operation, together)]
  })

/**
 * The same work by each of these peers, in interleaved rounds, so many operations at a time. One that cannot do it is
 * there without figures.
 */
export const race = (
  peers: ReadonlyArray<Peer>,
  work: Work,
  together: number,
  rounds: Rounds
): Effect.Effect<Measured> => {
  const contestants = contestantsOf(peers, work, together)
  // Everybody does as many: none is done by some of those at a time only.
  const operations = Math.ceil(rounds.operations / together) * together
  return Effect.map(measureAll(contestants, { ...rounds, operations }), (measured) => {
    const withAll = (figures: Measured["cpu"]) =>
      peers.map(({ name }) => figures.find((one) => one.name === name) ?? { name, perRound: [] })
    return {
      cpu: withAll(measured.cpu),
      perSecond: withAll(measured.perSecond),
      p50: withAll(measured.p50),
      p99: withAll(measured.p99)
    }
  })
}
