/**
 * A server that gives the first request of a story an answer from the test's hands, while others are in line already for
 * the only connection; what it sends too much looks like an answer, and must never be theirs.
 */
import { HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { assert } from "@effect/vitest"
import { HttpSafety } from "@hotaru/client"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool, PoolEvent } from "@hotaru/pool"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Certificates, certificates } from "../../support/certificates.js"
import { assertBalanced } from "./balance.js"
import { type Peer, peer } from "./desyncPeer.js"

/** A whole answer that nobody asked for. */
export const poison = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"

/** A head: a status line if the first line is one, else that of a 200; then fields. */
export const head = (...lines: ReadonlyArray<string>): string =>
  [...(lines[0]?.startsWith("HTTP/") === true ? [] : ["HTTP/1.1 200 OK"]), ...lines, "", ""].join("\r\n")

/** What a request came to: its answer, or the tag and the kind of its error. */
export type Outcome = { readonly status: number; readonly text: string } | { readonly error: string }

export interface Story {
  readonly transport?: "tcp" | "tls"
  readonly request?: HttpClientRequest.HttpClientRequest
  readonly limits?: Partial<HttpSafety.HttpSafety>
  /** What is done with the answer, in a scope that closes after it. */
  readonly read?: (
    response: HttpClientResponse.HttpClientResponse
  ) => Effect.Effect<string, HttpClientError.HttpClientError>
  /** Whether its connection has carried another request before. */
  readonly kept?: boolean
  /**
   * The server has the first request's head. If this is there, it sees the rest of that connection as bytes: `play`
   * begins without waiting for the whole request.
   */
  readonly atHead?: (peer: Peer) => void
  /** Others are in line; the server has the first request. */
  readonly play: (peer: Peer, outcome: Effect.Effect<Outcome>) => Effect.Effect<void> | void
  readonly outcome: Outcome
  /** Why its connection ends, or one of several reasons; undefined if it does not end, and carries the others. */
  readonly retired: string | ReadonlyArray<string> | undefined
  /** All that the server gets of the first request behind its head, where that is known. */
  readonly received?: string
  /** Whether the server sees the first request once more, on another connection; counted as a retry if it is one. */
  readonly again?: "retried" | "changed"
}

type Read = NonNullable<Story["read"]>

const outcomeOf = (
  url: string,
  request: HttpClientRequest.HttpClientRequest,
  read: Read = (response) => response.text
): Effect.Effect<Outcome, never, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (client) =>
    HttpClient.withScope(client).execute(HttpClientRequest.prependUrl(request, url))
  ).pipe(
    Effect.flatMap((response) => Effect.map(read(response), (text) => ({ status: response.status, text }))),
    Effect.scoped,
    Effect.either,
    Effect.map(Either.match({ onLeft: (error) => ({ error: described(error) }), onRight: (answer) => answer }))
  )

const described = ({ cause }: HttpClientError.HttpClientError): string => {
  const { _tag, kind, limit } = cause as { readonly _tag: string; readonly kind?: string; readonly limit?: string }
  return [_tag, kind ?? limit].filter((part) => part !== undefined).join(" ")
}

const third = new TextEncoder().encode("third")

/**
 * Requests that are in line while the first is answered: one that may be repeated, one that may not, and one that cannot.
 */
const others = [
  HttpClientRequest.get("/second"),
  HttpClientRequest.post("/third").pipe(HttpClientRequest.bodyUint8Array(third)),
  HttpClientRequest.put("/fourth").pipe(HttpClientRequest.bodyStream(Stream.make(third, third)))
]
const theirs = ["GET /second ", "POST /third third", "PUT /fourth thirdthird"].map(
  (text): Outcome => ({ status: 200, text })
)

let certs: Certificates | undefined

/** Tells a story once; dies of whatever is not as it should be. */
export const told = (story: Story): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    certs ??= yield* Effect.promise(certificates)
    const { first, server } = yield* peer(story, certs)
    const layer = NodePooledHttpClient.layer({
      maxConnectionsPerHost: 1,
      connector: { tls: { ca: certs.ca.cert } }
    })
    yield* Effect.gen(function* () {
      const pool = yield* ConnectionPool.ConnectionPool
      const events = yield* pool.subscribe
      const seen: Array<PoolEvent.PoolEvent> = []
      const request = story.request ?? HttpClientRequest.get("/first")
      if (story.kept === true) {
        const outcome = yield* outcomeOf(server.url, HttpClientRequest.get("/before"))
        assert.deepStrictEqual(outcome, { status: 200, text: "GET /before " })
        seen.push(...(yield* Queue.takeAll(events)))
      }
      const one = yield* Effect.fork(
        HttpSafety.withLimits(outcomeOf(server.url, request, story.read), story.limits ?? {})
      )
      const held = yield* Deferred.await(first)
      const rest = yield* Effect.forEach(others, (other) => Effect.fork(outcomeOf(server.url, other)))
      for (let inLine = 0; inLine < others.length; ) {
        const event = yield* Queue.take(events)
        seen.push(event)
        if (PoolEvent.$is("Queued")(event)) inLine = event.waiting
        assert.notStrictEqual(event._tag, "Retired", "before the others were in line")
      }
      const playing = story.play(held, Fiber.join(one))
      if (Effect.isEffect(playing)) yield* playing
      assert.deepStrictEqual(yield* Fiber.join(one), story.outcome)
      assert.deepStrictEqual(yield* Effect.forEach(rest, Fiber.join), theirs)
      seen.push(...(yield* Queue.takeAll(events)))
      const retirements = seen.filter(PoolEvent.$is("Retired"))
      const stats = yield* pool.stats
      assertBalanced(stats)
      assert.strictEqual(stats.staleRetries, story.again === "retried" ? 1 : 0)
      const carried = server.requests.filter(({ connection }) => connection === 1).map(({ target }) => target)
      const mine = [...(story.kept === true ? ["/before"] : []), "/first"]
      assert.lengthOf(server.requests, mine.length + others.length + (story.again === undefined ? 0 : 1))
      if (story.retired === undefined) {
        assert.deepStrictEqual(retirements, [])
        assert.deepInclude(stats, { created: 1, closed: {}, pooledConnections: 1 })
        assert.deepStrictEqual(carried, [...mine, "/second", "/third", "/fourth"])
        return
      }
      const [retired] = retirements
      const id = seen.find(PoolEvent.$is("Acquired"))?.connectionId
      assert.lengthOf(retirements, 1)
      assert.strictEqual(retired?.connectionId, id)
      assert.include([story.retired].flat(), retired?.reason)
      assert.deepInclude(stats, { created: 2, closed: { [retired?.reason ?? ""]: 1 }, pooledConnections: 1 })
      // Its connection carried nothing else, not even a request that was sent again; not a byte of one.
      assert.deepStrictEqual(carried, mine)
      const received = yield* held.closed
      if (story.received !== undefined) assert.strictEqual(received, story.received)
      for (const part of ["/second", "/third", "/fourth", "HTTP/1.1"]) assert.isFalse(received.includes(part), part)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
