/** The agent of all who stand on undici: so many connections, one request at a time on each. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Undici from "undici"
import type { Settings } from "./Peer.js"

export const undiciAgent = ({ connections, tls }: Settings): Effect.Effect<Undici.Agent, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(
      () =>
        new Undici.Agent({
          connections,
          pipelining: 1,
          // By default it closes what was idle for 4 seconds: others may have their turn for longer.
          keepAliveTimeout: 90_000,
          ...(tls === undefined ? {} : { connect: { ca: tls.ca } })
        })
    ),
    (agent) => Effect.promise(() => agent.close())
  )
