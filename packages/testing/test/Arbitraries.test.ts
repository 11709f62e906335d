import { assert, describe, it } from "@effect/vitest"
import { Http1Limits, RequestEncoder, ResponseDecoder } from "@hotaru/http1"
import { ConnectionKey } from "@hotaru/pool"
import { Arbitraries, Wire } from "@hotaru/testing"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"

const flat = (fields: ReadonlyArray<readonly [string, string]>) => fields.flat()

/** What a client makes of a response, cut and then ended if that is its framing. */
const read = (response: Arbitraries.ArbitraryResponse, cut: Wire.Cut) => {
  const decoder = ResponseDecoder.make({ ...Http1Limits.defaults, maxChunkExtensions: 1 << 20 })
  decoder.start(response.method)
  const seen = {
    interim: [] as Array<number>,
    status: 0,
    reason: "",
    headers: [] as ReadonlyArray<string>,
    body: new Uint8Array(0) as Uint8Array,
    trailers: [] as ReadonlyArray<string>,
    ended: false
  }
  const events = cut(response.bytes).flatMap((piece) =>
    // Chunks are borrowed from the piece, which is the response's own here and stays.
    [...decoder.push(piece)]
  )
  if (response.framing === "close") events.push(...decoder.finish("fin"))
  for (const event of events) {
    switch (event._tag) {
      case "InformationalHead":
        seen.interim.push(event.status)
        break
      case "Head":
        seen.status = event.status
        seen.reason = event.reason
        seen.headers = event.rawHeaders
        break
      case "Chunk":
        seen.body = Wire.join(seen.body, event.bytes)
        break
      case "Trailers":
        seen.trailers = event.rawHeaders
        break
      case "End":
        seen.ended = true
        break
      case "Failed":
        throw new Error(`${event.error.kind}: ${event.error.problem}`)
    }
  }
  return seen
}

describe("Arbitraries", () => {
  it("responses are what they say, to a strict reader and however they are cut", () => {
    const framings = new Set<string>()
    FastCheck.assert(
      FastCheck.property(Arbitraries.response, Arbitraries.cut, (response, cut) => {
        framings.add(typeof response.framing === "string" ? response.framing : "sized chunks")
        assert.deepStrictEqual(read(response, cut), {
          interim: response.interim.map((head) => head.status),
          status: response.status,
          reason: response.reason,
          headers: flat(response.headers),
          body: response.body,
          trailers: flat(response.trailers),
          ended: true
        })
      }),
      { numRuns: 400 }
    )
    assert.deepStrictEqual([...framings].sort(), ["chunked", "close", "length", "none", "sized chunks"])
  })

  it("names and values are what an encoder takes, and the invalid ones what it refuses", () => {
    const encode = (name: string, value: string) =>
      RequestEncoder.encodeHead({
        method: "GET",
        target: "/",
        host: "a.test",
        headers: { [name]: value },
        framing: { _tag: "None" },
        close: false
      })
    FastCheck.assert(
      FastCheck.property(Arbitraries.headerName, Arbitraries.headerValue, (name, value) => {
        FastCheck.pre(!["host", "expect", "http2-settings"].includes(name.toLowerCase()))
        const head = encode(name, value)
        if (typeof head !== "string") return assert.fail(head.problem)
        const [request] = Wire.parseRequests(head)
        assert.strictEqual(request?.header(name), value)
      })
    )
    FastCheck.assert(
      FastCheck.property(
        Arbitraries.invalidHeaderName,
        Arbitraries.headerValue,
        (name, value) => typeof encode(name, value) !== "string"
      )
    )
    FastCheck.assert(
      FastCheck.property(
        Arbitraries.headerName,
        Arbitraries.invalidHeaderValue,
        (name, value) => typeof encode(name, value) !== "string"
      )
    )
  })

  it("keys are keys: made again from their parts they are equal, and their URL names them", () =>
    FastCheck.assert(
      FastCheck.property(Arbitraries.key, (key) => {
        assert.isTrue(Equal.equals(ConnectionKey.make(key), key))
        const fromUrl = ConnectionKey.fromUrl(ConnectionKey.format(key))
        assert.isTrue(fromUrl._tag === "Right" && Equal.equals(fromUrl.right, key))
      })
    ))

  it("keys of a number of hosts are few, and the same each time", () => {
    assert.deepStrictEqual(Arbitraries.keys(3).map(String), [
      "http://host1.test:80",
      "http://host2.test:80",
      "http://host3.test:80"
    ])
    const seen = new Set(FastCheck.sample(Arbitraries.keyOf(3), 100).map(String))
    assert.deepStrictEqual([...seen].sort(), Arbitraries.keys(3).map(String))
  })

  it("a cut says what it was", () => {
    const shown = FastCheck.sample(Arbitraries.cut, 200).map((cut) => FastCheck.stringify(cut))
    assert.isTrue(
      shown.some((text) => /^Wire\.randomCuts\(\d+\)$/.test(text)),
      shown.join()
    )
    assert.isTrue(shown.some((text) => /^Wire\.piecesOf\(\d+\)$/.test(text)))
  })
})
