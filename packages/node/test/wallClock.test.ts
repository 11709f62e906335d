/**
 * A wall clock that is set while requests are under way.
 */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { NodePooledHttpClient } from "@hotaru/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { vi } from "vitest"
import { listen } from "./support/servers.js"

const hour = 3_600_000

describe("A request with limits of a minute", () => {
  for (const [how, jump] of [
    ["ahead", hour],
    ["back", -hour]
  ] as const) {
    it.scopedLive(`is answered although the wall clock is set ${how} by an hour meanwhile`, () =>
      Effect.gen(function* () {
        const { accepted, port } = yield* listen()
        const url = `http://127.0.0.1:${port}/`
        const usual = yield* HttpClient.HttpClient
        const client = PooledHttpClient.withLimits(usual, {
          requestTimeout: "60 seconds",
          headersTimeout: "60 seconds",
          bodyTimeout: "60 seconds"
        })
        const fiber = yield* Effect.fork(Effect.flatMap(client.get(url), ({ text }) => text))
        const peer = yield* Queue.take(accepted)
        const real = Date.now.bind(Date)
        yield* Effect.acquireRelease(
          Effect.sync(() => vi.spyOn(Date, "now").mockImplementation(() => real() + jump)),
          (spy) => Effect.sync(() => spy.mockRestore())
        )
        // The one alarm of all limits rings for this one.
        const failed = yield* Effect.flip(PooledHttpClient.withLimits(usual, { requestTimeout: "20 millis" }).get(url))
        assert.include(failed.message, "requestTimeout")
        assert.isNull(fiber.unsafePoll())
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        assert.strictEqual(yield* Fiber.join(fiber), "ok")
      }).pipe(Effect.provide(NodePooledHttpClient.layer({ drainTimeout: 0 })))
    )
  }
})
