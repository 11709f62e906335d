/** Values made in another realm, as under some test runners: they have constructors of their own. */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import type { PeerCertificate } from "node:tls"
import { runInNewContext } from "node:vm"
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient, NodeTls } from "@hotaru/node"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { guarded } from "../src/internal/tlsNames.js"

/** Answers with the body and the content type of the request. */
const echo = Effect.acquireRelease(
  Effect.async<http.Server>((resume) => {
    const server = http.createServer((request, response) => {
      response.setHeader("x-type", request.headers["content-type"] ?? "none")
      request.pipe(response)
    })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

const sent = (body: HttpBody.HttpBody) =>
  Effect.gen(function* () {
    const server = yield* echo
    const { port } = server.address() as AddressInfo
    const request = HttpClientRequest.post(`http://127.0.0.1:${port}/`).pipe(HttpClientRequest.setBody(body))
    const response = yield* HttpClient.execute(request)
    return { text: yield* response.text, type: response.headers["x-type"] }
  }).pipe(Effect.scoped, Effect.provide(NodePooledHttpClient.layer({ drainTimeout: 0 })))

/** What an expression of another realm comes to. */
const foreign = (expression: string): unknown => runInNewContext(expression)

/** Classes of a library that stand in for the platform's, as polyfills and simulated browsers have them. */
class Polyfill {
  constructor(readonly name: string) {}
  get [Symbol.toStringTag](): string {
    return this.name
  }
}

class OtherSearchParams extends Polyfill {
  constructor() {
    super("URLSearchParams")
  }
  override toString(): string {
    return "a=b"
  }
}

class OtherBlob extends Polyfill {
  readonly type = "text/x"
  readonly size = 4
  constructor() {
    super("Blob")
  }
  arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve(new TextEncoder().encode("blob").buffer as ArrayBuffer)
  }
}

class OtherStream extends Polyfill {
  constructor() {
    super("ReadableStream")
  }
  getReader() {
    return new Blob(["stream"]).stream().getReader()
  }
}

class OtherForm extends Polyfill {
  constructor() {
    super("FormData")
  }
  entries() {
    return [["a", "b"]].values()
  }
}

const bytes = "new Uint8Array([104, 105])"

describe("a body made in another realm", () => {
  for (const [what, make, text] of [
    ["an ArrayBuffer", () => HttpBody.raw(foreign(`${bytes}.buffer`)), "hi"],
    [
      "a SharedArrayBuffer",
      () => HttpBody.raw(foreign(`{ const b = new SharedArrayBuffer(2); new Uint8Array(b).set([104, 105]); b }`)),
      "hi"
    ],
    ["a Uint8Array", () => HttpBody.raw(foreign(bytes)), "hi"],
    ["a DataView", () => HttpBody.raw(foreign(`new DataView(${bytes}.buffer)`)), "hi"],
    ["a Uint16Array", () => HttpBody.raw(foreign("new Uint16Array([0x6968])")), "hi"],
    ["bytes, not raw", () => HttpBody.uint8Array(foreign(bytes) as Uint8Array), "hi"],
    ["an array of byte arrays", () => HttpBody.raw(foreign(`[${bytes}, ${bytes}.buffer]`)), "hihi"],
    ["a generator of bytes", () => HttpBody.raw(foreign(`(function* () { yield ${bytes} })()`)), "hi"],
    ["an async generator", () => HttpBody.raw(foreign(`(async function* () { yield ${bytes}.buffer })()`)), "hi"],
    ["a stream of bytes", () => HttpBody.stream(Stream.make(foreign(bytes) as Uint8Array)), "hi"]
  ] as const) {
    it.live(`is sent: ${what}`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* sent(make())).text, text)
      })
    )
  }

  for (const [what, value, text, type] of [
    ["URLSearchParams", new OtherSearchParams(), "a=b", "application/x-www-form-urlencoded;charset=UTF-8"],
    ["a Blob", new OtherBlob(), "blob", "text/x"],
    ["a ReadableStream", new OtherStream(), "stream", "none"]
  ] as const) {
    it.live(`is sent if a library made it: ${what}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* sent(HttpBody.raw(value)), { text, type })
      })
    )
  }

  it.live("is sent as a form if a library made it: FormData", () =>
    Effect.gen(function* () {
      for (const body of [HttpBody.raw(new OtherForm()), HttpBody.formData(new OtherForm() as unknown as FormData)]) {
        const { text, type } = yield* sent(body)
        const form = yield* Effect.promise(() => new Response(text, { headers: { "content-type": type! } }).formData())
        assert.strictEqual(form.get("a"), "b")
      }
    })
  )

  it.live("is not taken for bytes because it calls itself so", () =>
    Effect.gen(function* () {
      for (const name of ["ArrayBuffer", "SharedArrayBuffer", "Blob", "FormData", "ReadableStream"]) {
        const error = yield* Effect.flip(sent(HttpBody.raw(new Polyfill(name))))
        assert.include(error.message, "a raw body may be a string, bytes, Blob")
      }
    })
  )
})

describe("certificates and checks of another realm", () => {
  it("take bytes for bytes", () => {
    // Two bytes are no PFX; that they are bytes is not what is wrong with them.
    assert.throws(() => NodeTls.identity({ pfx: foreign(bytes) as Uint8Array }), /^(?!.*of type)/)
    assert.throws(() => NodeTls.identity({ pfx: "text" as unknown as Uint8Array }), /of type string/)
    assert.throws(() => NodeTls.identity({ ca: foreign(bytes) as Uint8Array }), /^(?!.*of type)/)
  })

  it("refuse a certificate in the words of the error that the check answered", () => {
    const check = guarded(() => foreign('new Error("not ours")') as Error)
    assert.include(check("a.test", {} as PeerCertificate)?.message, "not ours")
  })
})
