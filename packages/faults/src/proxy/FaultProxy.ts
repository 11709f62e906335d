/**
 * A TCP proxy on loopback that breaks connections on purpose. It knows nothing of what it carries: places are offsets in
 * bytes. The same script and the same bytes meet the same faults.
 */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Fault, Script, Step } from "./Fault.js"
import { Link } from "./Link.js"

export interface FaultProxy {
  readonly port: number
  /** Connections accepted until now. */
  readonly accepted: () => number
  /** Connections open now. */
  readonly open: () => number
  /** How often each fault has struck. */
  readonly struck: Readonly<Record<Fault["_tag"], number>>
  /** Waits until a fault has struck, if none has. */
  readonly untilStruck: Effect.Effect<void>
  /** Gives the connections open now another script. Places count from what has passed until now. */
  readonly arm: (steps: ReadonlyArray<Step>) => void
  /** Strikes the connections open now, at once. */
  readonly strike: (fault: Fault) => void
}

export interface Options {
  /** The port on 127.0.0.1 that connections are handed on to. */
  readonly upstream: number
  readonly script: (connection: number) => Script
}

export const make = ({ script, upstream }: Options): Effect.Effect<FaultProxy, never, Scope.Scope> =>
  Effect.suspend(() => {
    const links = new Set<Link>()
    const waiting = new Set<() => void>()
    const struck = { Delay: 0, Throttle: 0, Corrupt: 0, Inject: 0, Cut: 0, HalfClose: 0, Reset: 0, Blackhole: 0 }
    let accepted = 0
    const told = {
      onStruck: ({ _tag }: Fault) => {
        struck[_tag]++
        for (const resume of waiting) resume()
        waiting.clear()
      },
      onClosed: (link: Link) => void links.delete(link)
    }
    const listener = Net.createServer({ allowHalfOpen: true }, (client) => {
      const server = Net.connect({ host: "127.0.0.1", port: upstream, allowHalfOpen: true })
      links.add(new Link(client, server, script(++accepted), told))
    })
    const proxy = (port: number): FaultProxy => ({
      port,
      accepted: () => accepted,
      open: () => links.size,
      struck,
      untilStruck: Effect.async<void>((resume) => {
        if (Object.values(struck).some((times) => times > 0)) return resume(Effect.void)
        const once = () => resume(Effect.void)
        waiting.add(once)
        return Effect.sync(() => waiting.delete(once))
      }),
      arm: (steps) => links.forEach((link) => void link.arm(steps)),
      strike: (fault) => links.forEach((link) => void link.strike(fault))
    })
    return Effect.acquireRelease(
      Effect.async<FaultProxy>((resume) => {
        listener.once("error", (cause) => resume(Effect.die(cause)))
        listener.listen(0, "127.0.0.1", () =>
          resume(Effect.succeed(proxy((listener.address() as Net.AddressInfo).port)))
        )
      }),
      () =>
        Effect.async<void>((resume) => {
          listener.close(() => resume(Effect.void))
          for (const link of links) link.destroy()
        })
    )
  })
