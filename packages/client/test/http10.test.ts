import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import { clientLayer, get, post } from "./support.js"

/** A server of HTTP/1.0 that keeps a connection if it is asked to, and then says so. */
const older = (version: () => "HTTP/1.0" | "HTTP/1.1" = () => "HTTP/1.0") =>
  ScriptedServer.make((request) => {
    const asked = /keep-alive/i.test(request.header("connection") ?? "")
    if (version() === "HTTP/1.1") return Wire.ok("x")
    return asked
      ? Wire.response({ version: "HTTP/1.0", body: "x", headers: { connection: "keep-alive" } })
      : [Wire.response({ version: "HTTP/1.0", body: "x" }), ScriptedServer.end]
  })

const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

describe("a server of HTTP/1.0 that keeps connections if it is asked to", () => {
  it.effect("is asked from its second request on, and ten requests take two connections", () => {
    const server = older()
    return Effect.gen(function* () {
      for (let i = 0; i < 10; i++) assert.strictEqual(yield* text(get(`/${i}`)), "x")
      assert.deepStrictEqual(server.perConnection, [1, 9])
      const asked = server.requests.map((request) => request.header("connection"))
      assert.deepStrictEqual(asked, [undefined, ...Array.from({ length: 9 }, () => "keep-alive")])
    }).pipe(Effect.provide(clientLayer(server)))
  })

  it.effect("is asked by requests that stood in line before its first answer came", () => {
    const server = older()
    return Effect.gen(function* () {
      const all = Array.from({ length: 10 }, (_, i) => text(get(`/${i}`)))
      yield* Effect.all(all, { concurrency: "unbounded" })
      assert.deepStrictEqual(server.perConnection, [1, 9])
    }).pipe(Effect.provide(clientLayer(server, { pool: { maxConnectionsPerHost: 1 } })))
  })

  it.effect("is never asked by a request that says close, whose connection ends", () => {
    const server = older()
    return Effect.gen(function* () {
      yield* text(get())
      yield* text(get().pipe(HttpClientRequest.setHeader("connection", "close")))
      yield* text(post().pipe(HttpClientRequest.setHeader("Connection", "Close"), HttpClientRequest.bodyText("a")))
      assert.deepStrictEqual(
        server.requests.map((request) => request.header("connection")),
        [undefined, "close", "close"]
      )
      assert.deepStrictEqual(server.perConnection, [1, 1, 1])
    }).pipe(Effect.provide(clientLayer(server)))
  })

  it.effect("is not asked where connections are not kept, or by the last request of one", () => {
    const unpooled = older()
    const last = older()
    const three = Effect.forEach([1, 2, 3], () => text(get()))
    return Effect.gen(function* () {
      yield* three.pipe(Effect.provide(clientLayer(unpooled, { pool: { enablePooling: false } })))
      assert.isTrue(unpooled.requests.every((request) => request.header("connection") === "close"))
      yield* three.pipe(Effect.provide(clientLayer(last, { pool: { maxRequestsPerConnection: 2 } })))
      assert.deepStrictEqual(
        last.requests.map((request) => request.header("connection")),
        [undefined, "keep-alive", "close"]
      )
    })
  })

  it.effect("is remembered for itself alone", () => {
    const server = older()
    return Effect.gen(function* () {
      yield* text(get())
      yield* text(HttpClientRequest.get("http://b.test/"))
      assert.isUndefined(server.requests[1]!.header("connection"))
    }).pipe(Effect.provide(clientLayer(server)))
  })

  it.effect("is not asked any more once it answers as HTTP/1.1", () => {
    let version: "HTTP/1.0" | "HTTP/1.1" = "HTTP/1.0"
    const server = older(() => version)
    return Effect.gen(function* () {
      yield* text(get())
      version = "HTTP/1.1"
      yield* text(get())
      yield* text(get())
      assert.deepStrictEqual(
        server.requests.map((request) => request.header("connection")),
        [undefined, "keep-alive", undefined]
      )
    }).pipe(Effect.provide(clientLayer(server)))
  })

  it.effect("that does not keep them is left alone after each answer", () => {
    const server = ScriptedServer.always([Wire.response({ version: "HTTP/1.0", body: "x" }), ScriptedServer.end])
    return Effect.gen(function* () {
      for (let i = 0; i < 3; i++) yield* text(get())
      assert.deepStrictEqual(server.perConnection, [1, 1, 1])
      const { sockets } = yield* FakeNetwork.FakeNetwork
      assert.isTrue(sockets.every((socket) => socket.destroyed !== undefined))
    }).pipe(Effect.provide(clientLayer(server)))
  })
})
