/** What a program leaves behind beside fibers: handles of the event loop, descriptors. */
import { existsSync, readdirSync } from "node:fs"
import * as Effect from "effect/Effect"

/** Timers and immediates come and go with whatever else runs in this process. */
const passing = new Set(["Timeout", "Immediate", "TickObject", "FSReqCallback"])

/** What keeps the event loop alive, by kind. */
export const handles = (): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    if (!passing.has(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

/** Open file descriptors; 0 where the system does not tell. The one that reads the directory is not counted. */
export const descriptors = (): number => (existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length - 1 : 0)

/** What there is more of than before, in words. */
export const more = (
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>
): ReadonlyArray<string> =>
  Object.entries(now)
    .filter(([kind, count]) => count > (before[kind] ?? 0))
    .map(([kind, count]) => `${count - (before[kind] ?? 0)} ${kind}`)

/** One turn of the event loop. */
export const turn: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Turns until a condition holds, and a bounded number of them; answers whether it does. */
export const turnUntil = (holds: () => boolean, most = 20_000): Effect.Effect<boolean> =>
  Effect.suspend(() =>
    holds()
      ? Effect.succeed(true)
      : most === 0
        ? Effect.succeed(false)
        : Effect.zipRight(turn, turnUntil(holds, most - 1))
  )

/** Microseconds of this process's CPU time since a reading of `process.cpuUsage`. */
export const cpuSince = (since: NodeJS.CpuUsage): number => {
  const { system, user } = process.cpuUsage(since)
  return user + system
}
