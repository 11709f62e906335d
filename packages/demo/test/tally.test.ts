import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, PoolEvent } from "@hotaru/pool"
import * as Tally from "../src/Tally.js"

const key = ConnectionKey.make({ host: "a.test", port: 80, useTls: false })
const opened = (connectionId: number) =>
  PoolEvent.Opened({ at: 0, key, connectionId, took: 3, remoteAddress: undefined })
const retired = (connectionId: number, reason: string) =>
  PoolEvent.Retired({ at: 0, key, connectionId, reason, age: 0, requests: 1, unused: false })

describe("a tally", () => {
  it("knows the most connections open at one time, not how many there were", () => {
    const events = [opened(1), opened(2), retired(1, "PeerClosed"), opened(3), retired(2, "Stale"), retired(3, "Stale")]
    const tally = events.reduce(Tally.add, Tally.empty)
    assert.strictEqual(tally.opened, 3)
    assert.strictEqual(tally.peak, 2)
    assert.strictEqual(tally.open, 0)
    assert.strictEqual(tally.dialling, 9)
    assert.deepStrictEqual(tally.retired, { PeerClosed: 1, Stale: 2 })
  })

  it("keeps the longest wait and counts what it missed", () => {
    const acquired = (waited: number) =>
      PoolEvent.Acquired({ at: 0, key, connectionId: 1, reused: false, waited, idle: 0 })
    const tally = [acquired(5), acquired(40), acquired(7), PoolEvent.Missed({ count: 3 })].reduce(
      Tally.add,
      Tally.empty
    )
    assert.strictEqual(tally.lent, 3)
    assert.strictEqual(tally.longestWait, 40)
    assert.strictEqual(tally.missed, 3)
  })
})
