/** Redirects on real sockets, beside `fetch`. */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient, Redirect } from "@hotaru/client"
import { NodePooledHttpClient } from "@hotaru/node"
import { Effect, Stream } from "effect"

interface Asked {
  readonly target: string
  readonly body: string
}

/** A server whose first answer on the way from `/from` sends on to a location, in bytes. */
const server = (location: () => string) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly asked: Array<Asked>; readonly close: () => void }>((resume) => {
      const asked: Array<Asked> = []
      const http = Http.createServer((request, response) => {
        let body = ""
        request.setEncoding("latin1").on("data", (piece: string) => {
          body += piece
        })
        request.on("end", () => {
          asked.push({ target: request.url!, body })
          if (request.url === "/from/here?a=1") response.writeHead(307, { location: location() }).end()
          else response.end("there")
        })
      })
      http.listen(0, "127.0.0.1", () => {
        const { port } = http.address() as AddressInfo
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, asked, close: () => http.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const locations = [
  "/file?flag&name=a%20b~c(1)&acl=/*~hmac=1",
  "/?q=%E4%F6",
  "/%7Ea/%e4;b=1?c=d?e",
  "x/../y?z",
  "?only",
  "//127.0.0.1:PORT/else#where",
  "/blank in?a b",
  // UTF-8 that no proxy has escaped.
  "/\u00c3\u00bc?\u00c3\u00bc=\u00e2\u0082\u00ac"
]

describe("followRedirects on real sockets", () => {
  it.scopedLive("asks for what fetch asks for", () =>
    Effect.gen(function* () {
      let location = ""
      const { asked, url } = yield* server(() => location)
      const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient)
      for (const next of locations) {
        location = next.replace("PORT", new URL(url).port)
        yield* Effect.flatMap(client.get(`${url}/from/here?a=1`), (response) => response.text)
        yield* Effect.promise(() => fetch(`${url}/from/here?a=1`).then((response) => response.text()))
        const [, ours, , theirs] = asked.splice(0)
        assert.strictEqual(ours!.target, theirs!.target, next)
      }
    }).pipe(Effect.provide(NodePooledHttpClient.layer()))
  )

  it.scopedLive("sends the stream of an upload again, and fails with a Readable, which is gone", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* server(() => "/there")
      const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient)
      const put = (body: HttpBody.HttpBody) =>
        client.execute(HttpClientRequest.setBody(HttpClientRequest.put(`${url}/from/here?a=1`), body))
      const pieces = Stream.range(1, 200).pipe(Stream.map((n) => new TextEncoder().encode(`${n};`.padStart(1024))))
      const response = yield* put(HttpBody.stream(pieces))
      assert.strictEqual(yield* response.text, "there")
      const [first, second] = asked.splice(0)
      assert.strictEqual(first!.body.length, 200 * 1024)
      assert.strictEqual(second!.body, first!.body)
      const readable = Readable.from([Buffer.from("once")])
      const error = yield* Effect.flip(put(HttpBody.raw(readable)))
      assert.instanceOf(error.cause, Redirect.BodyNotRepeatable)
      assert.deepStrictEqual(asked, [{ target: "/from/here?a=1", body: "once" }])
      assert.isTrue(readable.destroyed)
    }).pipe(Effect.provide(NodePooledHttpClient.layer()))
  )
})
