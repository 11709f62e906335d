/** Uses of the pool without the client: leases, scopes, `use`, warm-ups, drains of one host. */
import type { Connection } from "@hotaru/pool/Connection"
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { ConnectionPoolShape } from "@hotaru/pool/ConnectionPool"
import * as Lease from "@hotaru/pool/Lease"
import * as Effect from "effect/Effect"
import type { Draw } from "./Draw.js"
import * as Plan from "./Plan.js"
import type { Made } from "./Requests.js"

class Unlucky extends Error {
  readonly _tag = "PlannedFailure"
}

/** What is done with a connection. Answers what its lease is to be settled as; nothing leaves it unsettled. */
type Deed = (connection: Connection, lease?: Lease.Lease) => Effect.Effect<Lease.Settlement | undefined, Unlucky>

/** Things done with a connection, each as often as its weight says. */
const deeds = [
  [2, "untouched"],
  [2, "reusable"],
  [1, "spent"],
  [1, "broken"],
  // Its answer, if one comes, is nobody's: the connection cannot be given back.
  [1, "touched"],
  [2, "silent"],
  [2, "offered"],
  [1, "fails"]
] as const

const deed = (id: string, draw: Draw): { readonly name: string; readonly touches: boolean; readonly run: Deed } => {
  const millis = draw.pick([0, 0, 20, 500, Plan.longest.hold])
  const wait = millis === 0 ? Effect.void : Effect.sleep(millis)
  const kind = draw.weighted<(typeof deeds)[number][1]>(deeds)
  const touches = kind === "touched" || kind === "silent"
  const settlement =
    kind === "reusable"
      ? Lease.Reusable()
      : kind === "spent"
        ? Lease.Spent("enough")
        : kind === "broken"
          ? Lease.Broken("odd")
          : kind === "silent"
            ? Lease.Broken("no answer for long", { silent: true })
            : undefined
  const run: Deed = (connection, lease) =>
    Effect.zipRight(
      Effect.sync(() => {
        if (touches) connection.write(`GET /${id} HTTP/1.1\r\nhost: x\r\nx-id: ${id}\r\nx-most: 1\r\n\r\n`)
        if (kind === "offered") lease?.offer(() => lease.settle(Lease.Broken("reclaimed")))
      }),
      Effect.zipRight(wait, kind === "fails" ? Effect.fail(new Unlucky("as planned")) : Effect.succeed(settlement))
    )
  return { name: `${kind} for ${millis} ms`, touches, run }
}

type Begin = (connection: Connection, lease: Lease.Lease | undefined) => void

/** `begin` is told of every lease. */
export const make = (
  pool: ConnectionPoolShape,
  begin: Begin,
  key: ConnectionKey,
  id: string,
  draw: Draw,
  plan: Plan.Plan
): Made => {
  const base = { repeatable: false, spoiled: false, isDirect: true, key, within: Plan.bound(plan) }
  const what = deed(id, draw)
  const planned = <A, E>(effect: Effect.Effect<A, E | Unlucky>): Effect.Effect<A | void, Exclude<E, Unlucky>> =>
    Effect.catchIf(
      effect,
      (error): error is Extract<E | Unlucky, Unlucky> => error instanceof Unlucky,
      () => Effect.void
    ) as Effect.Effect<A | void, Exclude<E, Unlucky>>
  switch (draw.pick(["lease", "use", "use", "acquire", "acquire"])) {
    case "lease":
      return {
        ...base,
        kind: `lease, ${what.name}`,
        effect: Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(pool.lease(key), (lease) => {
            begin(lease.connection, lease)
            const rested = lease.resting && what.touches ? lease.connection.turn : Effect.void
            return Effect.matchCauseEffect(restore(Effect.zipRight(rested, what.run(lease.connection, lease))), {
              onFailure: () => Effect.sync(() => lease.settle(Lease.Broken("given up"))),
              onSuccess: (settlement) =>
                Effect.sync(() =>
                  lease.settle(settlement ?? (what.touches ? Lease.Broken("touched") : Lease.Reusable()))
                )
            })
          })
        )
      }
    case "use":
      return {
        ...base,
        kind: `use, ${what.name}`,
        effect: planned(
          pool.use(key, (connection, lease) => {
            begin(connection, lease)
            return Effect.map(what.run(connection, lease), (settlement) => {
              if (settlement !== undefined) lease.settle(settlement)
            })
          })
        )
      }
    default:
      return {
        ...base,
        kind: `acquire, ${what.name}`,
        effect: planned(
          Effect.scoped(
            Effect.flatMap(pool.acquire(key), (connection) => {
              begin(connection, undefined)
              return Effect.flatMap(what.run(connection), (settlement) =>
                settlement === undefined ? Effect.void : pool.settle(connection, settlement)
              )
            })
          )
        )
      }
  }
}

/** Warm-ups and drains of one host end within their own limits. */
export const upkeep = (pool: ConnectionPoolShape, key: ConnectionKey, draw: Draw, plan: Plan.Plan): Made => {
  const base = { repeatable: false, spoiled: false, isDirect: true }
  if (draw.chance(0.5)) {
    const n = draw.int(1, 5)
    return { ...base, kind: `warm ${key} to ${n}`, within: Plan.bound(plan), effect: pool.warm(key, n) }
  }
  const within = plan.pool.drainTimeout + 1
  return { ...base, kind: `drain of ${key}`, within, effect: pool.drainHost(key) }
}
