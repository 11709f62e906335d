import { assert, describe, it } from "@effect/vitest"
import { Wire } from "@hotaru/testing"

const join = (pieces: ReadonlyArray<Uint8Array>) => Wire.text(Wire.join(...pieces))
const texts = (pieces: ReadonlyArray<Uint8Array>) => pieces.map(Wire.text)

describe("Wire, responses", () => {
  it("with a length, as UTF-8", () => {
    assert.strictEqual(
      Wire.text(Wire.ok("hé", { "x-a": "1" })),
      "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-a: 1\r\n\r\nh\u00c3\u00a9"
    )
    assert.strictEqual(
      Wire.text(Wire.json({ a: 1 })),
      'HTTP/1.1 200 OK\r\ncontent-length: 7\r\ncontent-type: application/json\r\n\r\n{"a":1}'
    )
  })

  it("in chunks of the sizes wanted, with extensions and trailers", () => {
    assert.strictEqual(
      Wire.text(
        Wire.response({
          body: "abcdef",
          framing: { chunks: [1, 2], extension: ";x=y" },
          trailers: [
            ["t", "1"],
            ["t", "2"]
          ]
        })
      ),
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=y\r\na\r\n2;x=y\r\nbc\r\n3;x=y\r\ndef\r\n0\r\nt: 1\r\nt: 2\r\n\r\n"
    )
    assert.strictEqual(Wire.text(Wire.chunked("")), "0\r\n\r\n")
  })

  it("up to the close, without a body, interim, and of another version", () => {
    assert.strictEqual(
      Wire.text(Wire.response({ framing: "close", body: "x", version: "HTTP/1.0" })),
      "HTTP/1.0 200 OK\r\n\r\nx"
    )
    assert.strictEqual(Wire.text(Wire.response({ status: 304, framing: "none" })), "HTTP/1.1 304 Not Modified\r\n\r\n")
    assert.strictEqual(Wire.text(Wire.noContent()), "HTTP/1.1 204 No Content\r\n\r\n")
    assert.strictEqual(Wire.text(Wire.interim(103, { link: "</a>" })), "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
    assert.strictEqual(
      Wire.text(Wire.response({ status: 299, reason: "" })),
      "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n"
    )
  })
})

describe("Wire, requests", () => {
  it("are read back one after the other, with length, chunks and without a body", () => {
    const [first, second, third] = Wire.parseRequests(
      "GET /a?b=c HTTP/1.1\r\nHost: h\r\nX: 1\r\nx:  2 \r\n\r\n" +
        "POST /d HTTP/1.1\r\nHost: h\r\ncontent-length: 4\r\n\r\nbody" +
        "PUT /e HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3;q=1\r\nabc\r\n02\r\nde\r\n0\r\nt: v\r\n\r\n"
    )
    assert.deepStrictEqual(
      [first?.method, first?.target, first?.version, first?.header("x"), first?.header("y")],
      ["GET", "/a?b=c", "HTTP/1.1", "1, 2", undefined]
    )
    assert.deepStrictEqual(first?.headers, [
      ["Host", "h"],
      ["X", "1"],
      ["x", "2"]
    ])
    assert.deepStrictEqual([second?.text, third?.text, third?.trailers], ["body", "abcde", [["t", "v"]]])
  })

  it("what is no request, and what is not complete, is refused with the reason", () => {
    assert.throws(() => Wire.parseRequests("GET  / HTTP/1.1\r\n\r\n"), /bad request line/)
    assert.throws(() => Wire.parseRequests("GET / HTTP/1.1\r\nx : 1\r\n\r\n"), /bad field line/)
    assert.throws(
      () => Wire.parseRequests("GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"),
      /both/
    )
    assert.throws(() => Wire.parseRequests("GET / HTTP/1.1\r\ncontent-length: +1\r\n\r\n"), /bad content-length/)
    assert.throws(
      () => Wire.parseRequests("GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"),
      /not as long as its size/
    )
    assert.throws(() => Wire.parseRequests("GET / HTTP/1.1\r\n"), /incomplete request/)
    assert.throws(
      () => Wire.parseRequests("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nt: v\r\n"),
      /incomplete request/
    )
  })
})

describe("Wire, cuts", () => {
  const content = Wire.latin1("HTTP/1.1")

  it("whole, bytes, pieces, positions", () => {
    assert.deepStrictEqual(texts(Wire.whole(content)), ["HTTP/1.1"])
    assert.deepStrictEqual(Wire.whole(new Uint8Array(0)), [])
    assert.deepStrictEqual(texts(Wire.bytes(content)), ["H", "T", "T", "P", "/", "1", ".", "1"])
    assert.deepStrictEqual(texts(Wire.piecesOf(3)(content)), ["HTT", "P/1", ".1"])
    assert.deepStrictEqual(texts(Wire.cutsAt(5, 4, 4, 0, 8, 99)(content)), ["HTTP", "/", "1.1"])
    assert.throws(() => Wire.piecesOf(0)(content), RangeError)
  })

  it("every cut in two, each once", () => {
    const cuts = Wire.everyCut(content)
    assert.deepStrictEqual(
      cuts.map(([first]) => first.length),
      [1, 2, 3, 4, 5, 6, 7]
    )
    for (const cut of cuts) assert.strictEqual(join(cut), "HTTP/1.1")
    assert.deepStrictEqual(Wire.everyCut(new Uint8Array(0)), [])
  })

  it("random cuts lose nothing, hold no empty piece, and are the same for the same seed", () => {
    const long = Wire.latin1("0123456789".repeat(100))
    const seen = new Set<number>()
    for (let seed = 0; seed < 200; seed++) {
      const pieces = Wire.randomCuts(seed)(long)
      assert.strictEqual(join(pieces), Wire.text(long))
      assert.isTrue(pieces.every((piece) => piece.length > 0))
      assert.deepStrictEqual(texts(Wire.randomCuts(seed)(long)), texts(pieces))
      seen.add(pieces.length)
    }
    assert.isAbove(seen.size, 10)
  })
})
