import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { AddressHistory, type Round } from "../src/internal/addressHistory.js"

const second = 1000
const refresh = 30 * second

const watching = (absences: number) => {
  const history = new AddressHistory({ refresh, absences })
  const due = (now: number, host = "api.test"): Round => {
    const round = history.asked(host, now)
    if (round === undefined) throw new Error(`no look-up is due at ${now}`)
    return round
  }
  const look = (now: number, ...addresses: ReadonlyArray<string>) => history.found(due(now), addresses)
  const left = (address: string, openedAt = -1) => history.hasLeft("api.test", address, openedAt)
  return { history, due, look, left }
}

describe("an address", () => {
  it("has left once as many look-ups as it takes have missed it", () => {
    const { left, look } = watching(3)
    look(0, "a", "b")
    for (const now of [30, 60]) {
      look(now * second, "b")
      assert.isFalse(left("a"))
    }
    look(90 * second, "b")
    assert.isTrue(left("a"))
    assert.isFalse(left("b"))
  })

  it("has left at the first look-up that misses it, where one is enough", () => {
    const { left, look } = watching(1)
    assert.isFalse(left("a"))
    look(0, "b")
    assert.isTrue(left("a"))
    look(refresh, "a")
    assert.isFalse(left("a"))
    assert.isTrue(left("b"))
  })

  it("is back as soon as one look-up finds it", () => {
    const { left, look } = watching(2)
    look(0, "b")
    look(refresh, "a", "b")
    look(2 * refresh, "b")
    assert.isFalse(left("a"))
    look(3 * refresh, "b")
    assert.isTrue(left("a"))
  })

  it("has not left a name whose answers differ each time", () => {
    const { left, look } = watching(2)
    for (let i = 0; i < 50; i++) {
      look(i * refresh, `sample-${i % 7}`, `sample-${(i * 3 + 1) % 7}`)
      for (let each = 0; each < 7; each++) assert.isFalse(left(`sample-${each}`))
    }
  })

  it("may stand in another order in each answer", () => {
    const { left, look } = watching(2)
    look(0, "b", "c")
    look(refresh, "c", "b")
    assert.isTrue(left("a"))
  })

  it("has not left by look-ups that began before its connection was opened", () => {
    const { left, look } = watching(2)
    look(0, "b")
    look(refresh, "b")
    assert.isFalse(left("a", 0))
    assert.isFalse(left("a", refresh))
    look(2 * refresh, "b")
    assert.isTrue(left("a", refresh - 1))
    assert.isFalse(left("a", refresh))
  })

  it("has not left by look-ups that failed, answered nothing, hung or found no place", () => {
    const { due, history, left, look } = watching(2)
    look(0, "b")
    history.failed(due(refresh))
    history.found(due(2 * refresh), [])
    history.postponed(due(3 * refresh))
    history.gaveUp(due(3 * refresh), 3 * refresh + 5 * second)
    assert.isFalse(left("a"))
    // What was known before is still known.
    look(6 * refresh, "b")
    assert.isTrue(left("a"))
  })
})

describe("a host", () => {
  it("is looked up once in each round, for all its connections", () => {
    const { due, history } = watching(1)
    history.found(due(0), ["a"])
    for (const now of [0, second, 26 * second]) assert.isUndefined(history.asked("api.test", now))
    // A round that comes a tenth sooner is a round all the same.
    due(27 * second)
  })

  it("shares a look-up under way among all who ask, and counts its answer once", () => {
    const { due, history, left } = watching(2)
    const round = due(0)
    assert.strictEqual(due(second), round)
    history.found(round, ["b"])
    history.found(round, ["b"])
    assert.isFalse(left("a"))
  })

  it("is asked again at once where there was no place, and ever less where look-ups hang", () => {
    const { due, history } = watching(1)
    history.postponed(due(0))
    let now = 0
    const gaps: Array<number> = []
    for (let i = 0; i < 6; i++) {
      history.gaveUp(due(now), now)
      const before = now
      while (history.asked("api.test", now + second) === undefined) now += second
      now += second
      gaps.push((now - before) / refresh)
    }
    assert.deepStrictEqual(gaps, [2, 4, 8, 16, 16, 16])
    history.failed(due(now))
    history.gaveUp(due(now + refresh), now + refresh)
    // An end, even a failure, is no hanging.
    due(now + 3 * refresh)
  })

  it("is forgotten when nobody has asked about it for some rounds", () => {
    const { due, history } = watching(1)
    for (let host = 0; host < 10_000; host++) history.found(due(0, `${host}.test`), ["a"])
    assert.strictEqual(history.size, 10_000)
    for (let round = 1; round < 10; round++) history.found(due(round * refresh, "9.test"), ["a"])
    assert.strictEqual(history.size, 1)
  })

  it("is forgotten though none is ever asked about twice", () => {
    const { due, history } = watching(1)
    let most = 0
    for (let host = 0; host < 5000; host++) {
      history.failed(due(host * second, `${host}.test`))
      most = Math.max(most, history.size)
    }
    assert.isBelow(most, 2000)
  })

  it("is remembered from round to round, however seldom they come", () => {
    const { due, history } = watching(3)
    const hosts = Array.from({ length: 100 }, (_, i) => `${i}.test`)
    for (let round = 0; round < 4; round++) {
      for (const host of hosts) history.found(due(round * 120 * refresh, host), ["b"])
    }
    for (const host of hosts) assert.isTrue(history.hasLeft(host, "a", 0), host)
  })

  it("is forgotten when the clock has gone back, and looked up anew", () => {
    const { due, history, left, look } = watching(1)
    look(1_000_000, "b")
    assert.isTrue(left("a"))
    history.found(due(0), ["a"])
    assert.isFalse(left("a"))
    assert.strictEqual(history.size, 1)
  })
})

describe("whatever a resolver answers", () => {
  const address = FastCheck.constantFrom("a", "b", "c", "d")
  const answer = FastCheck.oneof(
    { weight: 4, arbitrary: FastCheck.uniqueArray(address, { maxLength: 4 }) },
    { weight: 1, arbitrary: FastCheck.constant("failed" as const) }
  )

  it("an address that has left is missing from each of the last answers, and they agree", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(answer, { maxLength: 30 }),
        FastCheck.integer({ min: 1, max: 4 }),
        FastCheck.nat(20),
        (answers, absences, opened) => {
          const { due, history, left } = watching(absences)
          const told: Array<{ readonly at: number; readonly addresses: string }> = []
          answers.forEach((each, i) => {
            const at = i * refresh
            if (each === "failed") history.failed(due(at))
            else history.found(due(at), each)
            if (each !== "failed" && each.length > 0) told.push({ at, addresses: [...each].sort().join() })
            const openedAt = opened * refresh
            const last = told.slice(-absences)
            for (const one of ["a", "b", "c", "d"]) {
              const expected =
                last.length === absences &&
                last.every(({ addresses, at }) => at > openedAt && addresses === last[0]?.addresses) &&
                last[0]?.addresses.includes(one) === false
              assert.strictEqual(left(one, openedAt), expected)
            }
          })
        }
      )
    )
  })
})
