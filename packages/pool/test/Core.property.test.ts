/**
 * The decision core under random sequences of everything that can happen to it, a few hosts and small limits; after
 * every step what must always hold is looked at (see `support/world.ts`).
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease, type PoolConfig } from "@hotaru/pool"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import { World } from "./support/world.js"

const hosts = ["a.test", "b.test", "c.test"]

interface Step {
  readonly what: keyof typeof steps
  readonly which: number
  readonly n: number
}

const pick = <A>(all: ReadonlyArray<A>, which: number): A | undefined => all[which % Math.max(all.length, 1)]
const hostOf = (step: Step): string => hosts[step.n % hosts.length] as string

const steps = {
  request: (world: World, step: Step) => void world.request(hostOf(step)),
  requestBounded: (world: World, step: Step) => void world.request(hostOf(step), false, undefined, true),
  requestFresh: (world: World, step: Step) => void world.request(hostOf(step), true),
  cancel: (world: World, step: Step) => {
    const waiter = pick(world.waiters, step.which)
    if (waiter !== undefined) world.cancel(waiter)
  },
  expire: (world: World, step: Step) => {
    const waiter = pick(world.waiters, step.which)
    if (waiter !== undefined) world.expire(waiter)
  },
  dialSucceeds: (world: World, step: Step) => {
    const dial = pick(world.dials, step.which)
    if (dial !== undefined) world.open(dial, { capacity: step.n === 0 ? 3 : 1 })
  },
  dialFails: (world: World, step: Step) => {
    const dial = pick(world.dials, step.which)
    const codes = [undefined, undefined, undefined, "", "EMFILE", "EADDRNOTAVAIL"]
    if (dial !== undefined) world.fail(dial, codes[step.n])
  },
  dialFindsItDead: (world: World, step: Step) => {
    const dial = pick(world.dials, step.which)
    if (dial !== undefined) world.open(dial, { dead: true })
  },
  returns: (world: World, step: Step) => {
    const held = pick(world.held, step.which)
    if (held !== undefined) world.settle(held, Lease.Reusable())
  },
  returnsWithHints: (world: World, step: Step) => {
    const held = pick(world.held, step.which)
    if (held !== undefined)
      world.settle(held, Lease.Reusable({ idleFor: Duration.millis(step.n * 100), remaining: step.n }))
  },
  spent: (world: World, step: Step) => {
    const held = pick(world.held, step.which)
    if (held !== undefined) world.settle(held, Lease.Spent("Spent"))
  },
  broken: (world: World, step: Step) => {
    const held = pick(world.held, step.which)
    if (held !== undefined) world.settle(held, Lease.Broken("Broken"))
  },
  brokenAndReplaced: (world: World, step: Step) => {
    const held = pick(world.held, step.which)
    if (held === undefined) return
    world.settle(held, Lease.Broken("Stale"))
    world.request(held.waiter.host.key.host, step.n % 2 === 0, held.waiter)
  },
  diesUnanswered: (world: World, step: Step) => {
    const held = pick(world.held, step.which)
    if (held === undefined) return
    Object.assign(held.entry.connection, { isOpen: false })
    world.settle(held, Lease.Broken("Stale"), false)
  },
  fallsSilent: (world: World, step: Step) => {
    const unheard = world.held.filter((held) => held.reused && held.heardBefore === held.entry.peer.heard)
    const held = pick(unheard, step.which)
    if (held !== undefined) world.settle(held, Lease.Broken("Interrupted", { silent: true }), false)
  },
  isOffered: (world: World, step: Step) => {
    const held = pick(world.held, step.which)
    if (held !== undefined) world.offer(held)
  },
  streams: (world: World, step: Step) => {
    const held = pick(world.held, step.which)
    if (held !== undefined) world.mayLast(held, step.n !== 0)
  },
  takesUp: (world: World) => world.takeUp(),
  suspend: (world: World) => world.suspend(),
  resume: (world: World) => world.resume(),
  replenish: (world: World) => world.replenish(),
  evictOne: (world: World, step: Step) => {
    const entry = pick(world.entries, step.which)
    if (entry !== undefined) world.evictOne(entry)
  },
  drainHost: (world: World, step: Step) => {
    if (world.hosts.has(hostOf(step))) world.drainHost(hostOf(step))
  },
  idleEnds: (world: World, step: Step) => {
    const entry = pick(world.idle, step.which)
    if (entry !== undefined) world.lost(entry)
  },
  endsUnnoticed: (world: World, step: Step) => {
    const entry = pick(world.entries, step.which)
    if (entry !== undefined) Object.assign(entry.connection, { isOpen: false })
  },
  timePasses: (world: World, step: Step) => {
    world.pass(step.n * 100)
  },
  muchTimePasses: (world: World) => {
    world.pass(1100)
  },
  cleanup: (world: World) => void world.cleanup(),
  clear: (world: World) => void world.clear(),
  evict: (world: World, step: Step) => {
    if (world.hosts.has(hostOf(step))) world.evict(hostOf(step))
  },
  warm: (world: World, step: Step) => void world.warm(hostOf(step), step.which % 5)
}

const weights: ReadonlyArray<readonly [number, keyof typeof steps]> = [
  [6, "request"],
  [4, "requestBounded"],
  [2, "requestFresh"],
  [2, "cancel"],
  [1, "expire"],
  [8, "dialSucceeds"],
  [3, "dialFails"],
  [1, "dialFindsItDead"],
  [12, "returns"],
  [1, "returnsWithHints"],
  [1, "spent"],
  [1, "broken"],
  [2, "brokenAndReplaced"],
  [2, "diesUnanswered"],
  [4, "fallsSilent"],
  [8, "isOffered"],
  [3, "streams"],
  [6, "takesUp"],
  [1, "suspend"],
  [10, "resume"],
  [1, "replenish"],
  [1, "evictOne"],
  [1, "drainHost"],
  [2, "idleEnds"],
  [1, "endsUnnoticed"],
  [5, "timePasses"],
  [2, "muchTimePasses"],
  [2, "cleanup"],
  [1, "clear"],
  [1, "evict"],
  [1, "warm"]
]

const step: FastCheck.Arbitrary<Step> = FastCheck.record({
  what: FastCheck.oneof(...weights.map(([weight, what]) => ({ weight, arbitrary: FastCheck.constant(what) }))),
  which: FastCheck.nat({ max: 1000 }),
  n: FastCheck.nat({ max: 12 })
})

const config: FastCheck.Arbitrary<Partial<PoolConfig.PoolConfig>> = FastCheck.record({
  maxConnections: FastCheck.integer({ min: 1, max: 10 }),
  maxConnectionsPerHost: FastCheck.integer({ min: 1, max: 6 }),
  maxConnecting: FastCheck.integer({ min: 1, max: 4 }),
  maxConnectingPerHost: FastCheck.integer({ min: 1, max: 3 }),
  maxIdlePerHost: FastCheck.integer({ min: 0, max: 3 }),
  maxPendingPerHost: FastCheck.integer({ min: 0, max: 5 }),
  minIdlePerHost: FastCheck.constantFrom(0, 0, 0, 1, 2),
  maxRequestsPerConnection: FastCheck.constantFrom(2, 5, Infinity),
  enablePooling: FastCheck.constantFrom(true, true, true, false),
  idleOrder: FastCheck.constantFrom("fifo", "lifo"),
  idleTimeout: FastCheck.constant(1000),
  maxLifetime: FastCheck.constant(3000)
})

/**
 * The pool drains. Without a story of what happens meanwhile, every dial succeeds and every lease comes back, and then
 * nothing but the newcomer is refused; with one, the time is over in the midst of it.
 */
const drains = (world: World, story: ReadonlyArray<Step> | undefined): void => {
  const inLine = [...world.waiters]
  const before = world.refused.length
  world.drain()
  assert.strictEqual(world.refused.length, before, "the beginning of a drain refuses nothing")
  assert.isAtMost(world.state.opening, world.state.waiting, "what is dialled is waited for")
  world.request(hosts[0] as string)
  assert.strictEqual(world.refused.at(-1)?._tag, "PoolClosed")
  if (story !== undefined) for (const each of story) steps[each.what](world, each)
  for (let left = 10_000; story === undefined && world.state.waiting + world.state.leased > 0; left--) {
    assert.isAbove(left, 0, "what stands in line is served")
    const [dial, held] = [world.dials[0], world.held[0]]
    if (dial !== undefined) world.open(dial)
    else if (held !== undefined) world.settle(held, Lease.Reusable())
    else {
      // What failed is dialled again in its time, in a drain as well.
      assert.isBelow(world.nextWake, Infinity, "requests wait for nothing")
      world.pass(Math.ceil(world.nextWake - world.now))
    }
  }
  if (story === undefined) {
    assert.strictEqual(world.refused.length, before + 1, "nothing in line is refused")
    assert.isTrue(inLine.every((waiter) => world.wasGranted(waiter)))
    assert.deepStrictEqual([world.state.open, world.state.opening, world.hosts.size], [0, 0, 0])
  }
  const { leased, waiting } = world.state
  assert.deepStrictEqual(world.close(), { aborted: leased, refused: waiting })
}

describe("The decision core, whatever happens in whatever order", () => {
  it("keeps its promises after every step, and drains to nothing", () => {
    const happened = new Map<string, number>()
    FastCheck.assert(
      FastCheck.property(
        config,
        FastCheck.array(step, { maxLength: 150, size: "max" }),
        FastCheck.boolean(),
        FastCheck.array(step, { maxLength: 40 }),
        (config, story, graceful, late) => {
          const world = new World(config)
          for (const each of story) {
            steps[each.what](world, each)
            happened.set(each.what, (happened.get(each.what) ?? 0) + 1)
          }
          for (const reason of world.state.closed.keys()) happened.set(reason, (happened.get(reason) ?? 0) + 1)
          if (world.state.distrusted > 0) happened.set("distrusted", (happened.get("distrusted") ?? 0) + 1)
          if (world.state.reclaimed > 0) happened.set("reclaimed", (happened.get("reclaimed") ?? 0) + 1)
          for (const error of world.refused) happened.set(error._tag, (happened.get(error._tag) ?? 0) + 1)
          drains(world, graceful ? undefined : late)
          if (world.state.closed.has("DrainTimeout")) happened.set("DrainTimeout", 1)
          if (world.refused.some((error) => error._tag === "PoolClosed" && error.during === "line"))
            happened.set("PoolClosed in line", 1)
          assert.deepStrictEqual(
            [
              world.state.open,
              world.state.leased,
              world.hosts.size,
              world.state.expiries.size,
              world.state.wanting.size,
              world.state.redials.size,
              world.state.offers.size,
              world.state.reclaiming,
              world.state.lacking.size
            ],
            [0, 0, 0, 0, 0, 0, 0, 0, 0]
          )
        }
      ),
      { numRuns: 1000 }
    )
    // A test that never gets anywhere proves nothing.
    const expected = [
      "MadeRoom",
      "MaxIdle",
      "IdleTimeout",
      "MaxLifetime",
      "MaxRequests",
      "PoolingDisabled",
      "Evicted",
      "reclaimed",
      "DrainTimeout",
      "PoolClosed in line",
      "Cleared",
      "PeerClosed",
      "ConnectError",
      "AcquireTimeout",
      "PendingLimitReached"
    ]
    assert.deepStrictEqual(
      expected.filter((what) => !happened.has(what)),
      []
    )
  }, 180_000)
})
