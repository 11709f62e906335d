import { assert, describe, it } from "@effect/vitest"
import { body, bytes, decode, decoderOf, end, failure, head, replay, rows, tags, text } from "./support.js"

const small = `${rows("HTTP/1.1 200 OK", "Content-Length: 2", "")}ok`

describe("interim answers (RFC 9110 section 15.2)", () => {
  it("come before the final one and do not end the message", () => {
    const seen = decode({
      answer: rows("HTTP/1.1 100 Continue", "") + rows("HTTP/1.1 103 Early Hints", "Link: </a>", "") + small
    })
    assert.deepStrictEqual(tags(seen), ["InformationalHead", "InformationalHead", "Head", "Body", "End"])
    assert.deepInclude(seen[1], { status: 103, reason: "Early Hints", rawHeaders: ["Link", "</a>"] })
    assert.deepInclude(head(seen), { status: 200, reason: "OK", rawHeaders: ["Content-Length", "2"] })
    assert.strictEqual(end(seen)._tag, "Keep")
  })

  it("say nothing about the body of the final one, nor about the connection but that it ends", () => {
    const seen = decode({
      answer: rows("HTTP/1.1 102 Processing", "Connection: x", "Keep-Alive: timeout=1", "Content-Length: 9", "") + small
    })
    assert.strictEqual(body(seen), "ok")
    assert.deepStrictEqual(end(seen), { _tag: "Keep", timeoutMillis: undefined, max: undefined })
  })

  it("are not followed by stray line ends", () => {
    assert.strictEqual(
      failure(decode({ answer: rows("HTTP/1.1 100 Continue", "", "") + small })).kind,
      "MalformedStatusLine"
    )
  })

  it("are no answer by themselves", () => {
    const error = failure(decode({ answer: rows("HTTP/1.1 100 Continue", ""), finish: "fin" }))
    assert.deepInclude(error, { kind: "IncompleteHead", received: 25 })
  })

  it("count as the start of the answer", () => {
    const decoder = decoderOf({})
    decoder.start("GET")
    assert.isFalse(decoder.started)
    decoder.push(bytes(rows("HTTP/1.1 100 Continue", "")))
    assert.isTrue(decoder.started)
    assert.isTrue(decoder.expecting)
  })
})

describe("other protocols", () => {
  it("fails on 101 that nobody asked for (RFC 9110 section 15.2.2)", () => {
    const seen = decode({
      answer: `${rows("HTTP/1.1 101 Switching Protocols", "Upgrade: h2c", "Connection: upgrade", "")}xyz`
    })
    assert.deepStrictEqual(tags(seen), ["Failed"])
    assert.strictEqual(failure(seen).kind, "UnexpectedUpgrade")
  })

  it("hands over on 101 that was asked for, with the bytes that came along", () => {
    const decoder = decoderOf({})
    decoder.start("GET", true)
    const events = decoder.push(bytes(`${rows("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "")}frames`))
    assert.deepStrictEqual(
      events.map((event) => event._tag),
      ["Head", "End"]
    )
    assert.deepInclude(events[1], { keepAlive: { _tag: "Close", reason: "Upgraded" } })
    assert.strictEqual(text(decoder.surplus!), "frames")
    assert.isFalse(decoder.expecting)
  })

  it("hands over on a 2xx to CONNECT, whatever its fields say", () => {
    const decoder = decoderOf({})
    decoder.start("CONNECT")
    const events = decoder.push(bytes(rows("HTTP/1.1 200 OK", "Content-Length: 5", "")))
    assert.deepStrictEqual(
      events.map((event) => event._tag),
      ["Head", "End"]
    )
    assert.deepInclude(events[1], { keepAlive: { _tag: "Close", reason: "Upgraded" } })
    assert.strictEqual(decoder.surplus!.length, 0)
  })

  it("reads the body of a refused CONNECT", () => {
    const seen = decode({ method: "CONNECT", answer: `${rows("HTTP/1.1 407 No", "Content-Length: 2", "")}no` })
    assert.strictEqual(body(seen), "no")
    assert.strictEqual(end(seen)._tag, "Keep")
  })

  it("takes Upgrade on another status for the offer it is", () => {
    const seen = decode({
      answer: `${rows("HTTP/1.1 200 OK", "Upgrade: h2c", "Connection: upgrade", "Content-Length: 2", "")}ok`
    })
    assert.strictEqual(body(seen), "ok")
    assert.strictEqual(end(seen)._tag, "Keep")
  })
})

describe("the end of the input (RFC 9112 section 8)", () => {
  for (const finish of ["fin", "reset"] as const) {
    it(`before the first byte is no response (${finish})`, () => {
      assert.strictEqual(failure(replay({ answer: "", finish })).kind, "NoResponse")
    })

    it(`within a head says how much of it came (${finish})`, () => {
      assert.deepInclude(failure(decode({ answer: "HTTP/1.1 200 OK\r\nContent-", finish })), {
        kind: "IncompleteHead",
        received: 25
      })
    })

    it(`within a body says how much of it came and was announced (${finish})`, () => {
      const seen = decode({ answer: `${rows("HTTP/1.1 200 OK", "Content-Length: 5", "")}hel`, finish })
      assert.deepStrictEqual(tags(seen), ["Head", "Body", "Failed"])
      assert.deepInclude(failure(seen), { kind: "IncompleteBody", received: 3, expected: 5 })
    })

    it(`after the answer is no news (${finish})`, () => {
      assert.strictEqual(end(decode({ answer: small, finish }))._tag, "Keep")
    })
  }

  it("by a reset does not complete a body without a length", () => {
    const error = failure(decode({ answer: `${rows("HTTP/1.1 200 OK", "")}hel`, finish: "reset" }))
    assert.deepInclude(error, { kind: "IncompleteBody", received: 3 })
    assert.notProperty(error, "expected")
  })
})

describe("bytes nobody asked for", () => {
  it("behind an answer retire the connection", () => {
    for (const behind of ["\r\n", "x", small]) {
      const seen = replay({ answer: small + behind })
      assert.strictEqual(body(seen), "ok")
      assert.deepStrictEqual(end(seen), { _tag: "Close", reason: "LeftoverBytes" })
      decode({ answer: small + behind })
    }
  })

  it("behind an answer without a body retire the connection", () => {
    for (const answer of [
      `${rows("HTTP/1.1 204 No Content", "")}x`,
      `${rows("HTTP/1.1 304 Not Modified", "Content-Length: 1", "")}x`
    ]) {
      assert.deepStrictEqual(end(replay({ answer })), { _tag: "Close", reason: "LeftoverBytes" })
    }
  })

  it("behind a chunked body retire the connection", () => {
    const answer = `${rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "0", "")}x`
    assert.deepStrictEqual(end(replay({ answer })), { _tag: "Close", reason: "LeftoverBytes" })
  })

  it("fail when no answer is expected, once and for good", () => {
    const decoder = decoderOf({})
    const [event] = decoder.push(bytes("HTTP"))
    assert.deepInclude(event, { _tag: "Failed" })
    assert.deepInclude(event?._tag === "Failed" ? event.error : undefined, { kind: "UnexpectedBytes", received: 4 })
    assert.deepStrictEqual(decoder.push(bytes("HTTP")), [])
    assert.deepStrictEqual(decoder.finish("fin"), [])
  })

  it("are not there in an empty push", () => {
    assert.deepStrictEqual(decoderOf({}).push(new Uint8Array(0)), [])
  })
})

describe("one decoder, many exchanges", () => {
  it("reads one answer after another, with nothing of the one in the next", () => {
    const decoder = decoderOf({})
    decoder.start("HEAD")
    assert.strictEqual(
      decoder.push(bytes(rows("HTTP/1.0 200 Fine", "Content-Length: 9", "Connection: keep-alive", ""))).length,
      2
    )
    assert.isTrue(decoder.started)
    assert.isFalse(decoder.expecting)
    decoder.start("GET")
    assert.isFalse(decoder.started)
    assert.isTrue(decoder.expecting)
    const chunked = decoder.push(
      bytes(rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "1", "a", "0", "a: b", ""))
    )
    assert.deepStrictEqual(
      chunked.map((event) => event._tag),
      ["Head", "Chunk", "Trailers", "End"]
    )
    decoder.start("GET")
    const again = decoder.push(bytes(rows("HTTP/1.1 200", "Transfer-Encoding: chunked", "", "1", "b", "0", "")))
    assert.deepStrictEqual(
      again.map((event) => event._tag),
      ["Head", "Chunk", "End"]
    )
    assert.deepInclude(again[0], { version: 1, reason: "", rawHeaders: ["Transfer-Encoding", "chunked"] })
    decoder.start("GET")
    assert.deepStrictEqual(decoder.push(bytes(small)).at(-1), {
      _tag: "End",
      keepAlive: { _tag: "Keep", timeoutMillis: undefined, max: undefined }
    })
  })

  it("counts limits anew for each answer", () => {
    const decoder = decoderOf({ limits: { maxHeaderSize: small.length - 2, maxHeaders: 1 } })
    for (let exchange = 0; exchange < 3; exchange++) {
      decoder.start("GET")
      assert.strictEqual(decoder.push(bytes(small)).at(-1)?._tag, "End")
    }
  })

  it("counts what came of a body anew, whatever framed the ones before", () => {
    const bodies = {
      length: rows("HTTP/1.1 200 OK", "Content-Length: 5", ""),
      chunks: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "5")
    }
    for (const before of Object.values(bodies)) {
      for (const body of Object.values(bodies)) {
        const decoder = decoderOf({})
        decoder.start("GET")
        const rest = before === bodies.chunks ? rows("hello", "0", "") : "hello"
        assert.strictEqual(decoder.push(bytes(before + rest)).at(-1)?._tag, "End")
        decoder.start("GET")
        decoder.push(bytes(`${body}hel`))
        const [failed] = decoder.finish("fin")
        assert.strictEqual(failed?._tag === "Failed" ? failed.error.received : failed?._tag, 3)
      }
    }
  })

  it("counts chunk extensions anew for each body", () => {
    const decoder = decoderOf({ limits: { maxChunkExtensions: 2 } })
    for (let exchange = 0; exchange < 3; exchange++) {
      decoder.start("GET")
      const answer = rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "1;a", "x", "0", "")
      assert.strictEqual(decoder.push(bytes(answer)).at(-1)?._tag, "End")
    }
  })

  it("refuses to start while an answer is not complete, and after a failure", () => {
    const decoder = decoderOf({})
    decoder.start("GET")
    assert.throws(() => decoder.start("GET"), /not complete/)
    decoder.push(bytes("HTTP/1.1 200 OK\r\n"))
    assert.throws(() => decoder.start("GET"), /not complete/)
    decoder.push(bytes("\0"))
    assert.throws(() => decoder.start("GET"), /Failed/)
  })

  it("gives views into the bytes pushed, not copies", () => {
    const decoder = decoderOf({})
    decoder.start("GET")
    const pushed = bytes(small)
    const chunk = decoder.push(pushed).find((event) => event._tag === "Chunk")
    assert.strictEqual(chunk?.bytes.buffer, pushed.buffer)
    decoder.start("GET")
    decoder.push(bytes(small.slice(0, -2)))
    const rest = bytes("ok")
    assert.strictEqual(decoder.push(rest).find((event) => event._tag === "Chunk")?.bytes, rest)
  })
})
