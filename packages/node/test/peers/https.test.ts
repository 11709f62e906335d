import { HttpClient, HttpClientError } from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { generate } from "selfsigned"
import { serve } from "./support/LoopbackServer.js"
import { overPeers } from "./support/peers.js"

const certificate = Effect.promise(async () =>
  generate([{ name: "commonName", value: "127.0.0.1" }], {
    keyType: "ec",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }]
  })
)

overPeers("HTTPS", (behaves, peer) => {
  behaves(
    "a server whose authority is trusted is spoken to",
    Effect.gen(function* () {
      const { cert, private: key } = yield* certificate
      const server = yield* serve((request, reply) => reply.send({ body: request.target }), { tls: { cert, key } })
      const get = Effect.flatMap(HttpClient.get(`${server.url}/secret`), (_) => _.text)
      assert.strictEqual(yield* Effect.provide(get, peer.trusting(cert)), "/secret")
    })
  )

  behaves(
    "a server whose authority is not trusted sees no request",
    Effect.gen(function* () {
      const { cert, private: key } = yield* certificate
      const server = yield* serve((_, reply) => reply.send({}), { tls: { cert, key } })
      const error = yield* Effect.flip(HttpClient.get(`${server.url}/secret`))
      assert.instanceOf(error, HttpClientError.RequestError)
      assert.strictEqual(server.requests.length, 0)
      assert.strictEqual(
        server.connections.reduce((sum, connection) => sum + connection.bytesRead, 0),
        0
      )
    })
  )
})
