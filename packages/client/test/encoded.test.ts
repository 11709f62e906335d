import { HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { clientLayer, get, kindOf } from "./support.js"

/** What gzip begins with; the rest does not matter here, where nothing is decoded. */
const encoded = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])

const answered = <A, E>(
  reply: ScriptedServer.Reply,
  use: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E>,
  request = get()
) => Effect.flatMap(HttpClient.execute(request), use).pipe(Effect.provide(clientLayer(ScriptedServer.always(reply))))

const accessors: Readonly<
  Record<
    string,
    (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<unknown, HttpClientError.ResponseError>
  >
> = {
  json: (response: HttpClientResponse.HttpClientResponse) => response.json,
  text: (response: HttpClientResponse.HttpClientResponse) => response.text,
  urlParamsBody: (response: HttpClientResponse.HttpClientResponse) => response.urlParamsBody,
  formData: (response: HttpClientResponse.HttpClientResponse) => response.formData
}

const withFields = (fields: ReadonlyArray<readonly [string, string]>): Uint8Array =>
  Wire.join(
    Wire.head({
      headers: [["content-length", String(encoded.length)], ["content-type", "application/json"], ...fields]
    }),
    encoded
  )

describe("a body in an encoding that this client does not undo", () => {
  for (const [what, accessor] of Object.entries(accessors)) {
    it.effect(`cannot be read by ${what}, and the error names the encoding and says what to do`, () =>
      answered(withFields([["Content-Encoding", "gzip"]]), (response) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(accessor(response))
          assert.strictEqual(kindOf(error), "ResponseError Decode BodyEncoded")
          assert.include(error.message, "content-encoding: gzip")
          assert.include(error.message, "does not decode")
          assert.include(error.message, "accept-encoding: identity")
          assert.include(error.message, "arrayBuffer or stream")
        })
      )
    )
  }

  for (const [fields, encodings] of [
    [[["content-encoding", "x-gzip"]], ["x-gzip"]],
    [[["CONTENT-ENCODING", " Br "]], ["br"]],
    [[["content-encoding", "deflate"]], ["deflate"]],
    [[["content-encoding", "zstd"]], ["zstd"]],
    [[["content-encoding", "gzip, br"]], ["gzip", "br"]],
    [
      [
        ["content-encoding", "gzip"],
        ["content-encoding", "identity, br"]
      ],
      ["gzip", "br"]
    ]
  ] as ReadonlyArray<readonly [ReadonlyArray<readonly [string, string]>, ReadonlyArray<string>]>) {
    it.effect(`is named however it is written: ${JSON.stringify(fields)}`, () =>
      answered(withFields(fields), (response) =>
        Effect.map(Effect.flip(response.json), (error) =>
          assert.deepStrictEqual(
            [...(error.cause as { readonly encodings: ReadonlyArray<string> }).encodings],
            encodings
          )
        )
      )
    )
  }

  it.effect("comes as it was sent by arrayBuffer and stream, also after json has failed", () =>
    answered(withFields([["content-encoding", "gzip"]]), (response) =>
      Effect.gen(function* () {
        yield* Effect.flip(response.json)
        assert.deepStrictEqual(new Uint8Array(yield* response.arrayBuffer), encoded)
        const streamed = [...(yield* Stream.runCollect(response.stream))].flatMap((piece) => [...piece])
        assert.deepStrictEqual(streamed, [...encoded])
        assert.notProperty(response.toJSON(), "body")
      })
    )
  )

  it.effect("can be streamed at once", () =>
    answered(withFields([["content-encoding", "gzip"]]), (response) =>
      Effect.map(Stream.runCollect(response.stream), (pieces) =>
        assert.deepStrictEqual(
          [...pieces].flatMap((piece) => [...piece]),
          [...encoded]
        )
      )
    )
  )

  it.effect("fails as well if the caller asked for it, and the error says so", () =>
    answered(
      withFields([["content-encoding", "br"]]),
      (response) =>
        Effect.map(Effect.flip(response.text), (error) => {
          assert.strictEqual(kindOf(error), "ResponseError Decode BodyEncoded")
          assert.include(error.message, 'leave out the request\'s "accept-encoding: br"')
        }),
      get().pipe(HttpClientRequest.setHeader("accept-encoding", "br"))
    )
  )

  it.effect("keeps the connection, which is used again", () => {
    const server = ScriptedServer.always(withFields([["content-encoding", "gzip"]]))
    return Effect.gen(function* () {
      for (const _ of [1, 2]) yield* Effect.flip(Effect.flatMap(HttpClient.execute(get()), (response) => response.json))
      assert.deepStrictEqual(server.perConnection, [2])
    }).pipe(Effect.provide(clientLayer(server)))
  })
})

describe("a content-encoding that hides nothing", () => {
  for (const [what, reply, method] of [
    ["of HEAD", Wire.head({ headers: { "content-length": "10", "content-encoding": "gzip" } }), "HEAD"],
    ["of 204", Wire.response({ status: 204, headers: { "content-encoding": "gzip" } }), "GET"],
    ["of an empty body", Wire.ok("", { "content-encoding": "gzip" }), "GET"],
    [
      "of an empty body in chunks",
      Wire.response({ body: "", framing: "chunked", headers: { "content-encoding": "gzip" } }),
      "GET"
    ]
  ] as const) {
    it.effect(`fails no reader: ${what}`, () =>
      answered(
        reply,
        (response) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* response.text, "")
            assert.isNull(yield* response.json)
          }),
        HttpClientRequest.make(method)("http://a.test/")
      )
    )
  }

  for (const value of ["", "identity", "Identity, identity", "none", "utf-8"]) {
    it.effect(`fails no reader: ${JSON.stringify(value)}`, () =>
      answered(Wire.ok("[1]", { "content-encoding": value }), (response) =>
        Effect.map(response.json, (json) => assert.deepStrictEqual(json, [1]))
      )
    )
  }
})

describe("a body that is no JSON", () => {
  it.effect(
    "can be told from one that broke: its cause is the parser's SyntaxError, not an error of the exchange",
    () =>
      Effect.gen(function* () {
        const unparsed = yield* answered(Wire.ok("{"), (response) => Effect.flip(response.json))
        assert.instanceOf(unparsed.cause, SyntaxError)
        const broken = yield* answered(
          [Wire.head({ headers: { "content-length": "2" } }), "{", ScriptedServer.end],
          (response) => Effect.flip(response.json)
        )
        assert.strictEqual(kindOf(broken), "ResponseError Decode ConnectionBroken")
        assert.notInstanceOf(broken.cause, SyntaxError)
      })
  )
})
