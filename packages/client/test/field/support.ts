/**
 * What the field stories share. Each tells, at the level at which a user met it, what went wrong elsewhere; the issue
 * stands in brackets, and `docs/known-issues.md` lists them all.
 */

import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert } from "@effect/vitest"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, type ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { YieldWrap } from "effect/Utils"
import { clientLayer, type Env, get, type Options, socketNumber } from "../support.js"

type Services = Env | Scope.Scope

/**
 * A story on a client of these options. When it has been told, nobody may have used a connection against its contract.
 */
export const story = <Eff extends YieldWrap<Effect.Effect<any, any, Services>>>(
  tell: () => Generator<Eff, void, never>,
  server?: ScriptedServer.ScriptedServer,
  options?: Options
): Effect.Effect<void, [Eff] extends [YieldWrap<Effect.Effect<any, infer E, any>>] ? E : never> =>
  Effect.gen(function* () {
    yield* tell() as Generator<any, void, any>
    assert.deepStrictEqual((yield* FakeNetwork.FakeNetwork).violations, [])
  }).pipe(Effect.scoped, Effect.provide(clientLayer(server, options))) as never

export const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

export const stats = Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)

/** A GET to another host than `get`'s. */
export const getFrom = (host: string, path = "/"): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.get(`http://${host}${path}`)

/** An idle connection that has carried one request; what comes on it from here on is the test's to answer. */
export const idleConnection: Effect.Effect<FakeSocket.FakeSocket, never, Env> = Effect.gen(function* () {
  const first = yield* Effect.fork(text(get("/first")))
  const socket = yield* socketNumber(0)
  yield* socket.takeRequest
  socket.send(Wire.ok("first"))
  assert.strictEqual(yield* Fiber.join(first), "first")
  yield* (yield* FakeNetwork.FakeNetwork).settle
  assert.isTrue(socket.parked)
  return socket
}).pipe(Effect.orDie)

/** Answers the next request that reaches the server on this connection. */
export const answer = (socket: FakeSocket.FakeSocket, bytes: Uint8Array) =>
  Effect.map(socket.takeRequest, (request) => {
    socket.send(bytes)
    return request
  })
