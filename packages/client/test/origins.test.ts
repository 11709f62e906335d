import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PoolConfig } from "@hotaru/pool"
import { Origins, resolve } from "../src/internal/origin.js"

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

describe("what is remembered of an origin", () => {
  it("holds nothing of the URLs by which it was found", () => {
    const origins = new Origins(PoolConfig.defaults)
    const visit = (host: number, length: number) => {
      const url = `http://a-host-with-a-long-name-${host}.test:80/?secret=${String(host).repeat(length)}`
      return resolve(origins, HttpClientRequest.get(url), undefined)
    }
    for (let host = 1000; host < 1100; host++) visit(host, 1)
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    // Some 25 MB of URLs, by a spelling that is learned and by one that only the parser reads.
    for (let host = 2000; host < 2100; host++) visit(host, 60_000)
    collectGarbage()
    assert.isBelow(process.memoryUsage().heapUsed - before, 3_000_000)
    const again = visit(2000, 1)
    assert.isTrue("origin" in again && again.origin.name === "http://a-host-with-a-long-name-2000.test")
  })

  for (const [what, url] of [
    ["host", (n: number) => `http://${"a".repeat(100_000)}${n}.test/`],
    ["port", (n: number) => `http://a.test:${"0".repeat(100_000)}${n}/`]
  ] as const) {
    it(`is not the name that a stranger chose, however long: its ${what}`, () => {
      const origins = new Origins(PoolConfig.defaults)
      const visit = (number: number) => {
        const found = resolve(origins, HttpClientRequest.get(url(number)), undefined)
        assert.isTrue("origin" in found)
      }
      visit(999)
      collectGarbage()
      const before = process.memoryUsage().heapUsed
      for (let number = 1000; number < 1100; number++) visit(number)
      collectGarbage()
      // 10 MB of names.
      assert.isBelow(process.memoryUsage().heapUsed - before, 3_000_000)
    })
  }
})
