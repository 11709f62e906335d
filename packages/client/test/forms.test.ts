import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import { clientLayer, kindOf, post } from "./support.js"

/** What a server makes of a form that is sent. */
const received = (request: HttpClientRequest.HttpClientRequest) => {
  const server = ScriptedServer.always(Wire.ok())
  return Effect.gen(function* () {
    yield* Effect.flatMap(HttpClient.execute(request), (response) => response.text)
    const sent = server.requests[0]!
    const type = sent.header("content-type")!
    const form = yield* Effect.promise(() =>
      new Response(sent.body as BodyInit, { headers: { "content-type": type } }).formData()
    )
    return { type, form, text: sent.text, headers: sent.header("content-type") }
  }).pipe(Effect.provide(clientLayer(server)))
}

const textForm = (): FormData => {
  const form = new FormData()
  form.append("a", "b")
  return form
}

const fileForm = (): FormData => {
  const form = new FormData()
  form.append("a", "b")
  form.append("f", new File(["file"], "f.txt"))
  return form
}

const bodies: ReadonlyArray<readonly [string, (form: FormData) => HttpBody.HttpBody]> = [
  ["a form", HttpBody.formData],
  ["a raw form", HttpBody.raw]
]

describe("a form whose content-type the caller has set", () => {
  for (const [what, body] of bodies) {
    for (const [content, make] of [
      ["text", textForm],
      ["a file", fileForm]
    ] as const) {
      for (const [given, expected] of [
        ["multipart/form-data", /^multipart\/form-data; boundary=----hotaru-[\w-]+$/],
        ["Multipart/Form-Data", /^Multipart\/Form-Data; boundary=----hotaru-[\w-]+$/],
        ["multipart/form-data;", /^multipart\/form-data; boundary=----hotaru-[\w-]+$/],
        ["multipart/form-data; charset=utf-8", /^multipart\/form-data; charset=utf-8; boundary=----hotaru-[\w-]+$/],
        ["multipart/form-data; x-boundary=a", /^multipart\/form-data; x-boundary=a; boundary=----hotaru-[\w-]+$/]
      ] as const) {
        it.effect(`gets a boundary and can be read: ${what} with ${content}, as ${JSON.stringify(given)}`, () =>
          Effect.gen(function* () {
            const { form, type } = yield* received(
              post().pipe(HttpClientRequest.setBody(body(make())), HttpClientRequest.setHeader("Content-Type", given))
            )
            assert.match(type, expected)
            assert.strictEqual(form.get("a"), "b")
          })
        )
      }
    }
  }

  for (const given of [
    "multipart/form-data; boundary=mine",
    "multipart/form-data; Boundary=mine; charset=utf-8",
    'multipart/form-data; charset="a;boundary=b"; boundary="mine"'
  ]) {
    it.effect(`is bounded by the caller's own boundary: ${given}`, () =>
      Effect.gen(function* () {
        const { form, text, type } = yield* received(
          post().pipe(
            HttpClientRequest.setBody(HttpBody.formData(fileForm())),
            HttpClientRequest.setHeader("content-type", given)
          )
        )
        assert.strictEqual(type, given)
        assert.isTrue(text.startsWith("--mine\r\n"))
        assert.isTrue(text.endsWith("\r\n--mine--\r\n"))
        assert.strictEqual(form.get("a"), "b")
      })
    )
  }

  it.effect("gets its boundary as well if the header was set before a raw body", () =>
    Effect.gen(function* () {
      const { form } = yield* received(
        post().pipe(
          HttpClientRequest.setHeader("content-type", "multipart/form-data"),
          HttpClientRequest.setBody(HttpBody.raw(fileForm()))
        )
      )
      assert.strictEqual(form.get("a"), "b")
    })
  )

  for (const [given, problem] of [
    ["application/json", "a form is sent as multipart/form-data, not as application/json"],
    ["multipart/form-data, application/json", "a form is sent as multipart/form-data"],
    ["", "a form is sent as multipart/form-data"],
    ["multipart/form-data; boundary=", "cannot be read"],
    ['multipart/form-data; boundary=""', "its boundary is not 1 to 70"],
    [`multipart/form-data; boundary=${"x".repeat(71)}`, "its boundary is not 1 to 70"],
    ['multipart/form-data; boundary="a "', "its boundary is not 1 to 70"],
    ["multipart/form-data; boundary=a@b", "its boundary is not 1 to 70"],
    ["multipart/form-data; boundary=a; boundary=b", "it names two boundaries"],
    ["multipart/form-data; boundary", "its parameters cannot be read"],
    ['multipart/form-data; boundary="a', "its parameters cannot be read"],
    ["multipart/form-data; boundary=b", "its boundary stands in the form itself"]
  ] as const) {
    it.effect(
      `is refused before a byte is sent if no server could read the form by it: ${JSON.stringify(given).slice(0, 60)}`,
      () =>
        Effect.gen(function* () {
          const form = new FormData()
          form.append("a", "x\r\n--b--\r\n")
          const network = yield* FakeNetwork.FakeNetwork
          const error = yield* Effect.flip(
            HttpClient.execute(
              post().pipe(
                HttpClientRequest.setBody(HttpBody.formData(form)),
                HttpClientRequest.setHeader("content-type", given)
              )
            )
          )
          assert.strictEqual(kindOf(error), "RequestError Encode InvalidRequest")
          assert.include(error.message, 'Invalid header value "content-type": ')
          assert.include(error.message, problem)
          assert.strictEqual(network.dials.length, 0)
        }).pipe(Effect.provide(clientLayer()))
    )
  }

  it.effect("of another body is sent as it was set", () =>
    Effect.gen(function* () {
      const server = ScriptedServer.always(Wire.ok())
      yield* Effect.flatMap(
        HttpClient.execute(
          post().pipe(
            HttpClientRequest.setBody(HttpBody.raw(new URLSearchParams({ a: "b" }))),
            HttpClientRequest.setHeader("content-type", "application/x-www-form-urlencoded")
          )
        ),
        (response) => response.text
      ).pipe(Effect.provide(clientLayer(server)))
      assert.strictEqual(server.requests[0]!.header("content-type"), "application/x-www-form-urlencoded")
    })
  )
})
