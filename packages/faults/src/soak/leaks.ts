/** Whether memory or fibers at rest grew with the number of requests. */
import type { Rest } from "./Watch.js"

/** MiB that the heap at rest may grow by over half of a run: caches, compiled code, counters of the soak's own. */
const allowance = 3

const least = (rests: ReadonlyArray<Rest>, of: (rest: Rest) => number): number => Math.min(...rests.map(of))

/**
 * The first laps fill caches and compile code: the laps from the third to the middle are compared with those after it. What
 * leaks is there at its least as well, so the least of each half is taken.
 */
export const leaksOf = (rests: ReadonlyArray<Rest>): ReadonlyArray<string> => {
  const settled = rests.slice(2)
  const middle = Math.ceil(settled.length / 2)
  const [early, late] = [settled.slice(0, middle), settled.slice(middle)]
  if (early.length === 0 || late.length === 0) return []
  const heap = least(late, (rest) => rest.heap) - least(early, (rest) => rest.heap)
  const fibers = least(late, (rest) => rest.fibers) - least(early, (rest) => rest.fibers)
  const requests = late[late.length - 1]!.done - early[early.length - 1]!.done
  return [
    ...(heap > allowance ? [`the heap at rest grew by ${heap.toFixed(1)} MiB over ${requests} requests`] : []),
    ...(fibers > 0 ? [`${fibers} fibers more at rest after ${requests} requests`] : [])
  ]
}
