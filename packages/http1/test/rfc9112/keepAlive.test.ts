import { assert, describe, it } from "@effect/vitest"
import { Framing, KeepAlive } from "@hotaru/http1"
import { decode, end, rows } from "../support.js"

const verdict = (given: Partial<KeepAlive.KeepAliveInput>): KeepAlive.KeepAlive =>
  KeepAlive.verdict({ version: 1, framing: Framing.noBody, connection: undefined, keepAlive: undefined, ...given })

describe("KeepAlive.verdict (RFC 9112 section 9.3)", () => {
  const table: ReadonlyArray<readonly [string, Partial<KeepAlive.KeepAliveInput>, KeepAlive.CloseReason | "Keep"]> = [
    ["HTTP/1.1 keeps", {}, "Keep"],
    ["HTTP/1.1 with keep-alive keeps", { connection: "keep-alive" }, "Keep"],
    ["other tokens keep", { connection: "upgrade, foo" }, "Keep"],
    ["close closes", { connection: "close" }, "ConnectionClose"],
    ["close closes in any case", { connection: "CloSE" }, "ConnectionClose"],
    ["close closes anywhere in a list", { connection: "foo, cLOse ,bar" }, "ConnectionClose"],
    ["close closes after an empty item", { connection: ", ,\tclose" }, "ConnectionClose"],
    ["close wins over keep-alive", { connection: "keep-alive, close" }, "ConnectionClose"],
    ["a token that holds close is another one", { connection: "not-close, closed" }, "Keep"],
    ["HTTP/1.0 closes", { version: 0 }, "Http10"],
    ["HTTP/1.0 closes with other tokens", { version: 0, connection: "foo" }, "Http10"],
    ["HTTP/1.0 with keep-alive keeps", { version: 0, connection: "foo, Keep-Alive" }, "Keep"],
    ["HTTP/1.0 with both closes", { version: 0, connection: "keep-alive, close" }, "ConnectionClose"],
    ["HTTP/1.0 is not kept by a hint", { version: 0, keepAlive: "timeout=5" }, "Http10"],
    ["a body to the close closes", { framing: Framing.untilClose }, "DelimitedByClose"],
    [
      "a body to the close closes, even with keep-alive",
      { framing: Framing.untilClose, connection: "keep-alive" },
      "DelimitedByClose"
    ],
    ["faulty framing closes", { faulty: true }, "FaultyFraming"],
    ["faulty framing closes, even with keep-alive", { faulty: true, connection: "keep-alive" }, "FaultyFraming"],
    ["a tunnel closes", { framing: Framing.tunnel, connection: "upgrade" }, "Upgraded"]
  ]
  for (const [name, given, expected] of table) {
    it(name, () => {
      const found = verdict(given)
      assert.strictEqual(found._tag === "Close" ? found.reason : found._tag, expected)
    })
  }

  it("has a constructor for every reason", () => {
    assert.deepStrictEqual(KeepAlive.close("LeftoverBytes"), { _tag: "Close", reason: "LeftoverBytes" })
  })
})

describe("Keep-Alive hints", () => {
  const table: ReadonlyArray<readonly [string, number | undefined, number | undefined]> = [
    ["timeout=5", 5000, undefined],
    ["max=100", undefined, 100],
    ["timeout=5, max=100", 5000, 100],
    ["max=0,timeout=0", 0, 0],
    ["Timeout=5,MAX=7", 5000, 7],
    [" timeout = 5 ,\tmax = 1 ", 5000, 1],
    ["foo, timeout=5, bar=2", 5000, undefined],
    ["timeout=9, timeout=5", 5000, undefined],
    ["timeout=5s", undefined, undefined],
    ["timeout=-5", undefined, undefined],
    ["timeout=+5", undefined, undefined],
    ["timeout=1e3", undefined, undefined],
    ["timeout=2.5", undefined, undefined],
    ["timeout=0x5", undefined, undefined],
    ['timeout="5"', undefined, undefined],
    ["timeout=\xa05", undefined, undefined],
    ["timeout=", undefined, undefined],
    ["timeout", undefined, undefined],
    ["timeout=1234567890", undefined, undefined],
    ["timeout=x, max=3", undefined, 3],
    ["xtimeout=5", undefined, undefined],
    ["", undefined, undefined]
  ]
  for (const [value, timeoutMillis, max] of table) {
    it(`${JSON.stringify(value)} says timeout ${timeoutMillis}, max ${max}`, () => {
      assert.deepStrictEqual(verdict({ keepAlive: value }), { _tag: "Keep", timeoutMillis, max })
    })
  }
})

describe("the verdict of an answer", () => {
  it("puts fields on several lines together", () => {
    const seen = decode({
      answer: rows("HTTP/1.1 200 OK", "Connection: foo", "Content-Length: 0", "CONNECTION: Close", "")
    })
    assert.deepStrictEqual(end(seen), { _tag: "Close", reason: "ConnectionClose" })
  })

  it("carries the hints", () => {
    const seen = decode({
      answer: rows(
        "HTTP/1.1 200 OK",
        "Keep-Alive: timeout=5",
        "Content-Length: 0",
        "Connection: keep-alive",
        "keep-alive: max=9",
        ""
      )
    })
    assert.deepStrictEqual(end(seen), { _tag: "Keep", timeoutMillis: 5000, max: 9 })
  })

  it("prefers the end it saw over what the head said", () => {
    const seen = decode({ answer: rows("HTTP/1.1 200 OK", "Connection: close", ""), finish: "fin" })
    assert.deepStrictEqual(end(seen), { _tag: "Close", reason: "DelimitedByClose" })
  })
})
