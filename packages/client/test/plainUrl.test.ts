import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { pathStart } from "../src/internal/plainUrl.js"

/** What a URL is made of, the awkward included; any string would hardly ever be one. */
const pieces = [
  ..."aZ09-._~!$&'()*+,;=:@/?#%[]{}|^`\"<>\\\t\n \u0000\u007f\u00e9\u20ac",
  "/./",
  "/../",
  "..",
  "%2e",
  "%2E%2e",
  "%20",
  "%zz",
  "//",
  "%"
]
const text = (maxLength: number) =>
  fc.array(fc.constantFrom(...pieces), { maxLength }).map((characters) => characters.join(""))
const authority = fc.oneof(
  fc.constantFrom(
    "a.test",
    "A.Test",
    "127.1",
    "0x7f.1",
    "a.test:80",
    "a.test:443",
    "a.test:8080",
    "[::1]",
    "u:p@a.test"
  ),
  text(4)
)
const schemes = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("http://", "https://") },
  { weight: 1, arbitrary: fc.constantFrom("HTTP://", "http:/", "http:///", "ws://") }
)
const ends = fc.constantFrom("/", "/", "/", "?", "#", "")
const url = fc.tuple(schemes, authority, ends, text(6)).map((parts) => parts.join(""))

describe("a URL that is read without the parser", () => {
  it("has the path and the query that the parser finds, and no more", () => {
    let plain = 0
    fc.assert(
      fc.property(url, (written) => {
        const start = pathStart(written)
        if (start === -1 || !URL.canParse(written)) return
        plain++
        const parsed = new URL(written)
        expect(written.slice(start)).toBe(parsed.pathname + parsed.search)
        expect(parsed.hash).toBe("")
        expect(parsed.username + parsed.password).toBe("")
      }),
      { numRuns: 20_000 }
    )
    expect(plain).toBeGreaterThan(500)
  })

  it("has its origin decided by what comes before the path", () => {
    fc.assert(
      fc.property(url, (written) => {
        const start = pathStart(written)
        if (start === -1) return
        const alone = written.slice(0, start)
        expect(URL.canParse(alone)).toBe(URL.canParse(written))
        if (URL.canParse(alone)) expect(new URL(alone).host).toBe(new URL(written).host)
      }),
      { numRuns: 20_000 }
    )
  })

  it.each([
    ["http://a.test/", 13],
    ["https://a.test:8443/b/c.json?d=e&f=%20/?", 19],
    ["http://a.test/it's", 13],
    ["http://a.test/..b/.c", -1],
    ["http://a.test/b/../c", -1],
    ["http://a.test/b/%2E%2e/c", -1],
    ["http://a.test/?it's", -1],
    ["http://a.test/?", -1],
    ["http://a.test", -1],
    ["http://a.test?b/c", -1],
    ["http://u:p@a.test/", -1],
    ["http:///a.test/", -1],
    ["http://a.test/ ", -1],
    ["http://a.test/#b", -1],
    ["ftp://a.test/", -1],
    ["/b", -1]
  ])("is told from others: %s", (written, start) => {
    expect(pathStart(written)).toBe(start)
  })
})
