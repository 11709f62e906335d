/**
 * A profile as a tree of frames, each with the time that was spent in itself. It is samples that are counted, not the
 * time between them: that has other processes in it.
 */
import type { Locate, Located } from "./locate.js"
import { type Owner, names as owners } from "./owners.js"

/** What is read of a profile, as the inspector's `Profiler.stop` answers it. */
export interface Profile {
  readonly nodes: ReadonlyArray<Node>
}

export interface Node {
  readonly id: number
  readonly callFrame: Parameters<Locate>[0]
  /** Samples with this function on top. */
  readonly hitCount?: number | undefined
  /** What it called, by id. */
  readonly children?: ReadonlyArray<number> | undefined
}

export interface Frame extends Located {
  /** Microseconds per request in the function itself, not in what it called. */
  readonly self: number
  readonly children: ReadonlyArray<Frame>
}

interface Growing extends Located {
  self: number
  readonly children: Map<string, Growing>
}

/** Nothing was done then. */
const idle = "(idle)"

const keyOf = ({ name, owner, place }: Located): string => `${owner} ${place} ${name}`

/** Samples in which something was done. */
export const busy = ({ nodes }: Profile): number =>
  nodes.reduce((sum, { callFrame, hitCount = 0 }) => (callFrame.functionName === idle ? sum : sum + hitCount), 0)

/** The whole, as a frame that was called by nobody. Calls of the same function by the same stack are one frame. */
export const tree = (profile: Profile, locate: Locate, microseconds: number): Frame => {
  const perSample = microseconds / busy(profile)
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const grow = (parent: Growing, node: Node): void => {
    if (node.callFrame.functionName === idle) return
    const located = locate(node.callFrame)
    const key = keyOf(located)
    let frame = parent.children.get(key)
    if (frame === undefined) {
      frame = { ...located, self: 0, children: new Map() }
      parent.children.set(key, frame)
    }
    fill(frame, node)
  }
  const fill = (frame: Growing, { children = [], hitCount = 0 }: Node): void => {
    frame.self += hitCount * perSample
    for (const id of children) grow(frame, nodes.get(id)!)
  }
  // The first node is the root of all others.
  const all: Growing = { name: "all", place: undefined, owner: "native", self: 0, children: new Map() }
  fill(all, profile.nodes[0]!)
  return grown(all)
}

const grown = ({ children, ...frame }: Growing): Frame => ({ ...frame, children: [...children.values()].map(grown) })

/** Every frame of the tree. */
export function* frames(frame: Frame): Generator<Frame> {
  yield frame
  for (const child of frame.children) yield* frames(child)
}

/** Microseconds per request; those of owners who have none are left out. */
export const byOwner = (all: Frame): ReadonlyArray<{ readonly owner: Owner; readonly self: number }> => {
  const sums = new Map<Owner, number>()
  for (const { owner, self } of frames(all)) sums.set(owner, (sums.get(owner) ?? 0) + self)
  return owners.flatMap((owner) => {
    const self = sums.get(owner) ?? 0
    return self > 0 ? [{ owner, self }] : []
  })
}

/** The functions with the most time in themselves, wherever they were called. */
export const top = (all: Frame, count: number): ReadonlyArray<Located & { readonly self: number }> => {
  const sums = new Map<string, Located & { self: number }>()
  for (const { children: _, self, ...located } of frames(all)) {
    const key = keyOf(located)
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, { ...located, self })
    else sum.self += self
  }
  return [...sums.values()].sort((a, b) => b.self - a.self).slice(0, count)
}

export const total = (all: Frame): number => byOwner(all).reduce((sum, { self }) => sum + self, 0)
