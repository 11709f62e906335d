import { assert, describe, it } from "@effect/vitest"
import type { Method, Outcome, Played, Row } from "../src/matrix/Cell.js"
import { faultsOf } from "../src/matrix/judge.js"

const fine: Outcome = {
  result: 200,
  details: [],
  safe: false,
  retries: 0,
  seen: 1,
  whole: 1,
  unbalanced: []
}

const played = (row: Partial<Row>, method: Method, outcome: Partial<Outcome>): ReadonlyArray<Played> => [
  {
    row: {
      phase: "wait",
      kind: "cut",
      variant: undefined,
      state: "kept",
      scene: () => ({ impossible: "not played" }),
      ...row
    },
    outcomes: new Map([[method, { ...fine, ...outcome }]])
  }
]

describe("a cell is not as promised", () => {
  const cases: ReadonlyArray<readonly [string, Partial<Row>, Method, Partial<Outcome>]> = [
    ["with an error that nobody knows", {}, "GET", { result: "TypeError" }],
    ["with something left behind", {}, "GET", { unbalanced: ["1 TCPSocketWrap"] }],
    ["with a POST that was carried out twice", {}, "POST", { seen: 2 }],
    ["with a PUT that was sent again", {}, "PUT", { retries: 1 }],
    ["with a POST called safe that the server has seen", {}, "POST", { result: "ConnectionBroken", safe: true }],
    ["with a GET that was sent again twice", {}, "GET", { retries: 2, seen: 3 }],
    ["with a GET sent again on a new connection", { state: "new" }, "GET", { retries: 1, seen: 2 }],
    ["with a GET sent again whose answer had begun", { phase: "head" }, "GET", { retries: 1, seen: 2 }],
    ["with a request that met the end of an idle connection", { phase: "idle" }, "GET", { result: "ConnectionBroken" }],
    ["with an exchange that was slow and broke", { kind: "delay" }, "GET", { result: "ExchangeTimeout" }],
    ["with content of another", {}, "GET", { details: ["the client got other content"] }]
  ]
  for (const [name, row, method, outcome] of cases) {
    it(name, () => {
      assert.strictEqual(faultsOf(played(row, method, outcome)).length, 1)
    })
  }

  it("and one that is", () => {
    assert.deepStrictEqual(faultsOf(played({}, "GET", { retries: 1, seen: 2 })), [])
  })
})
