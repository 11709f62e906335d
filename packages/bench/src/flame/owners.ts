/** Whose a frame is. */

/** By what they are called in code; in the order in which they are told. */
export const owners = {
  client: "@hotaru/client",
  http1: "@hotaru/http1",
  pool: "@hotaru/pool",
  node: "@hotaru/node",
  effect: "effect",
  platform: "@effect/platform",
  runtime: "Node.js, its JavaScript",
  native: "native code and kernel",
  gc: "garbage collection",
  measurement: "the measurement itself",
  other: "other packages"
} as const

export type Owner = keyof typeof owners

export const names = Object.keys(owners) as ReadonlyArray<Owner>

/** By folder: a package of this repository whose time is ours. */
const ours = new Set<Owner>(["client", "http1", "pool", "node"])

/** Of a file, as its path from the root of the repository, or from the last `node_modules`. */
export const ofPath = (path: string): Owner => {
  const folder = /^packages\/([^/]+)\//.exec(path)?.[1]
  if (folder !== undefined) {
    if (ours.has(folder as Owner)) return folder as Owner
    return folder === "bench" ? "measurement" : "other"
  }
  if (path.startsWith("effect/")) return "effect"
  if (path.startsWith("@effect/")) return "platform"
  return path.startsWith("node:") ? "runtime" : "other"
}

/** Of a frame that no file has: what the profiler calls by a name of its own, and functions that are no JavaScript. */
export const ofNative = (name: string): Owner => (name === "(garbage collector)" ? "gc" : "native")
