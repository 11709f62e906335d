import { assert, describe, it } from "@effect/vitest"
import { RequestEncoder } from "@hotaru/http1"
import type { Case } from "../src/Case.js"
import * as Fuzz from "../src/Fuzz.js"
import * as Readers from "../src/Readers.js"
import type { Reading } from "../src/Reading.js"
import * as Requests from "../src/Requests.js"
import * as Reporting from "../src/reporting.js"
import { Tally } from "../src/Tally.js"

describe("a batch of cases", () => {
  it("shows no difference that is not on the list, and tries enough to say so", () => {
    const tally = new Tally()
    assert.isUndefined(Fuzz.parsers(1, 5000, tally))
    assert.strictEqual(tally.cases, 5000)
    // A fifth of the cases at least is read to its end by both, and a tenth is refused by both.
    assert.isAbove(tally.outcomes.get("complete/complete") ?? 0, 1000)
    assert.isAbove(tally.outcomes.get("refused/refused") ?? 0, 500)
    assert.isAbove(tally.outcomes.get("waiting/waiting") ?? 0, 200)
    assert.isAbove(tally.differences.size, 15)
  })

  it("goes through whole clients alike", async () => {
    const tally = new Tally()
    assert.deepStrictEqual(await Fuzz.wholeClients(1, 150, tally), [])
    assert.deepStrictEqual([...tally.clients.keys()], ["node:http", "undici"])
  })

  it("is the same each time, by its seed", () => {
    const outcomes = (seed: number) => {
      const tally = new Tally()
      Fuzz.parsers(seed, 300, tally)
      return [...tally.outcomes, ...tally.differences]
    }
    assert.deepStrictEqual(outcomes(7), outcomes(7))
    assert.notDeepEqual(outcomes(7), outcomes(8))
  })
})

/** A codec with a fault, which the fuzzer has to find. */
const faults: ReadonlyArray<readonly [what: string, fault: (reading: Reading, given: Case) => Reading]> = [
  ["loses the last byte of some bodies", (reading) => ({ ...reading, body: reading.body.replace(/world$/, "worl") })],
  [
    "takes an answer that it should refuse",
    (reading) =>
      reading.refusal?.why.includes("0x0A in a field's value")
        ? { ...reading, open: "complete", closed: "complete" }
        : reading
  ],
  [
    "refuses an answer that it should take",
    (reading, { bytes }) =>
      bytes.includes("ETag") && reading.head !== undefined
        ? {
            ...reading,
            open: "refused",
            closed: "refused",
            refusal: { at: bytes.indexOf("ETag"), code: "MalformedHeader", why: "a fault" }
          }
        : reading
  ],
  [
    "sees an end one byte late",
    (reading) => (reading.end === undefined ? reading : { ...reading, end: reading.end + 1 })
  ],
  ["keeps a connection that ends", (reading) => (reading.keep === false ? { ...reading, keep: true } : reading)],
  ["forgets trailers", (reading) => ({ ...reading, trailers: [] })],
  ["forgets interim answers", (reading) => ({ ...reading, interim: [] })],
  [
    "lower-cases names",
    (reading) =>
      reading.head === undefined
        ? reading
        : {
            ...reading,
            head: { ...reading.head, rawHeaders: reading.head.rawHeaders.map((text) => text.toLowerCase()) }
          }
  ]
]

describe("a codec that", () => {
  for (const [what, fault] of faults) {
    it(`${what} is found, with a case that shows it`, () => {
      const failure = Fuzz.parsers(1, 5000, new Tally(), {
        ...Readers.standard,
        ours: (given) => fault(Readers.standard.ours(given), given)
      })
      assert.isDefined(failure)
      const report = Reporting.failed(failure!)
      assert.include(report, "Seed 1: codec and Node's parser differ")
      assert.include(report, "npm run fuzz -- --seed 1")
      assert.include(report, "bytes: ")
    })
  }

  it("throws is found as well", () => {
    const failure = Fuzz.parsers(1, 100, new Tally(), {
      ...Readers.standard,
      ours: () => {
        throw new TypeError("a fault")
      }
    })
    assert.include(failure?.problem, "TypeError: a fault")
  })
})

describe("the codec's requests", () => {
  it("arrive at Node's server as they were asked for, or are refused", async () => {
    const tally = new Tally()
    assert.isUndefined(await Fuzz.requests(1, 400, tally))
    assert.isAbove(tally.requests.get("as asked for") ?? 0, 150)
    assert.isAbove(tally.requests.get("refused") ?? 0, 50)
  })

  it("would not, if they smuggled", async () => {
    const smuggled = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    const { complaint, requests } = await Requests.received(smuggled)
    assert.isUndefined(complaint)
    assert.deepStrictEqual(
      requests.map(({ target }) => target),
      ["/", "/smuggled"]
    )
    assert.strictEqual(
      (await Requests.received("GET / HTTP/1.1\r\nHost : a\r\n\r\n")).complaint,
      "HPE_INVALID_HEADER_TOKEN"
    )
  })

  it("are looked at whole: method, target, fields, body and what follows", async () => {
    const asked = {
      head: {
        method: "PUT",
        target: "/a?b",
        host: "example.com",
        headers: { "x-A": "b\tc ", te: "trailers" },
        framing: RequestEncoder.chunked,
        close: false
      },
      pieces: ["0\r\n\r\n", "more"]
    }
    assert.isUndefined(await Requests.problem(asked))
    assert.strictEqual(
      await Requests.problem({ ...asked, head: { ...asked.head, framing: RequestEncoder.length(3) } }),
      "the server complains: HPE_INVALID_METHOD"
    )
    assert.strictEqual(
      await Requests.problem({ ...asked, head: { ...asked.head, framing: RequestEncoder.none } }),
      "the server complains: HPE_INVALID_METHOD"
    )
    assert.strictEqual(await Requests.problem({ ...asked, head: { ...asked.head, target: "/a b" } }), "refused")
  })
})

describe("the report", () => {
  it("says which differences were not met", () => {
    const tally = new Tally()
    Fuzz.parsers(1, 10, tally)
    assert.include(Reporting.summary(tally, 0, 1), "Not met: ")
    assert.include(Reporting.summary(tally, 0, 1), "10 cases in 1.0 s (10 a second): 0 unexplained differences.")
  })

  it("lists every difference with its reason and its source", () => {
    const list = Reporting.list()
    for (const { name, reason, source } of Reporting.everyDifference) {
      assert.include(list, `| ${name} | ${reason} | ${source} | `)
    }
  })
})
