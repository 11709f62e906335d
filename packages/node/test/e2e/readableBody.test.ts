import { Readable } from "node:stream"
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { serve } from "../peers/support/LoopbackServer.js"

describe("a Readable as a body", () => {
  it.scopedLive("is destroyed when its request is interrupted, also while nothing comes out of it", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const body = new Readable({ read: () => {} })
      body.push("the beginning")
      const request = HttpClientRequest.post(server.url).pipe(HttpClientRequest.setBody(HttpBody.raw(body)))
      const fiber = yield* Effect.fork(HttpClient.execute(request))
      yield* server.until(() => server.connections.some(({ bytesRead }) => bytesRead > 0))
      const closed = new Promise<void>((resolve) => void body.once("close", resolve))
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => closed)
      assert.isTrue(body.destroyed)
      yield* server.until(() => server.open === 0)
    }).pipe(Effect.provide(NodePooledHttpClient.layer({ drainTimeout: 0 })))
  )
})
