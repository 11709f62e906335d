/** Where each frame is drawn: below the one that called it, as wide as its share of the time. */
import { hierarchy, partition } from "d3-hierarchy"
import type { Frame } from "./tree.js"

export interface Box {
  readonly frame: Frame
  /** Microseconds per request, with all that it called. */
  readonly total: number
  /** 0 is the whole. */
  readonly depth: number
  /** Pixels from the left. */
  readonly x: number
  readonly width: number
}

/** The heaviest to the left. Frames of fewer pixels than `least` are left out, with all that they called. */
export const layout = (all: Frame, width: number, least: number): ReadonlyArray<Box> => {
  const root = hierarchy(all, ({ children }) => children as Array<Frame>)
    .sum(({ self }) => self)
    .sort((a, b) => b.value! - a.value!)
  return partition<Frame>()
    .size([width, root.height + 1])(root)
    .descendants()
    .filter(({ x0, x1 }) => x1 - x0 >= least)
    .map(({ data, depth, value, x0, x1 }) => ({ frame: data, total: value!, depth, x: x0, width: x1 - x0 }))
}
