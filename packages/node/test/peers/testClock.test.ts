import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { echo, serve } from "./support/LoopbackServer.js"
import { peers } from "./support/peers.js"

for (const peer of peers) {
  describe(`under TestClock [${peer.name}]`, () => {
    it.scoped("nothing on the way to success waits for the clock", () =>
      Effect.gen(function* () {
        const server = yield* serve(echo)
        const program = Effect.gen(function* () {
          for (let i = 0; i < 3; i++) {
            yield* Effect.flatMap(HttpClient.get(server.url), (response) => response.json)
            const body = HttpBody.stream(Stream.make(new Uint8Array(1000), new Uint8Array(100_000)))
            const response = yield* HttpClient.execute(
              HttpClientRequest.put(server.url).pipe(HttpClientRequest.setBody(body))
            )
            yield* Stream.runDrain(response.stream)
          }
        })
        yield* Effect.provide(program, peer.layer)
        assert.strictEqual(server.requests.length, 6)
      })
    )
  })
}
