/**
 * A server that gives the first request of a story an answer from the test's hands, while others are in line already for
 * the only connection; what it sends too much looks like an answer, and must never be theirs.
 */
import { HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool, PoolEvent } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { type Reply, type SeenRequest, type ServeOptions, serve } from "../../peers/support/LoopbackServer.js"
import { type Certificates, certificates } from "../../support/certificates.js"

/** A whole answer that nobody asked for. */
export const poison = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"

/** A head: a status line if the first line is one, else that of a 200; then fields. */
export const head = (...lines: ReadonlyArray<string>): string =>
  [...(lines[0]?.startsWith("HTTP/") === true ? [] : ["HTTP/1.1 200 OK"]), ...lines, "", ""].join("\r\n")

/** What the first request came to: its body, or the tag and the kind of its error. */
export type Outcome = { readonly text: string } | { readonly error: string }

export interface Story {
  readonly transport?: "tcp" | "tls"
  readonly request?: HttpClientRequest.HttpClientRequest
  /** Has the first request, all of it, and what is to be sent on its connection. */
  readonly play: (reply: Reply, request: SeenRequest) => void
  readonly onHead?: ServeOptions["onHead"]
  readonly outcome: Outcome
  /** Why its connection ends. */
  readonly retired: string | ReadonlyArray<string>
}

const outcomeOf = (url: string, request: HttpClientRequest.HttpClientRequest) =>
  HttpClient.execute(HttpClientRequest.prependUrl(request, url)).pipe(
    Effect.flatMap((response) => response.text),
    Effect.either,
    Effect.map(
      (result): Outcome => (Either.isRight(result) ? { text: result.right } : { error: described(result.left) })
    )
  )

const described = ({ cause }: HttpClientError.HttpClientError): string => {
  const { _tag, kind, limit } = cause as { readonly _tag: string; readonly kind?: string; readonly limit?: string }
  return [_tag, kind ?? limit].filter((part) => part !== undefined).join(" ")
}

/** Requests that are in line while the first is answered: one that may be repeated, and one that may not. */
const others = [
  HttpClientRequest.get("/second"),
  HttpClientRequest.post("/third").pipe(HttpClientRequest.bodyText("third"))
]

let certs: Certificates | undefined

/** Tells a story once; dies of whatever is not as it should be. */
export const told = (story: Story): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    certs ??= yield* Effect.promise(certificates)
    let first: readonly [SeenRequest, Reply] | undefined
    const server = yield* serve(
      (request, reply) => {
        if (request.target === "/first") first = [request, reply]
        else reply.send({ body: request.target })
      },
      {
        ...(story.transport === "tls" ? { tls: certs.server } : {}),
        ...(story.onHead === undefined ? {} : { onHead: story.onHead })
      }
    )
    const layer = NodePooledHttpClient.layer({
      maxConnectionsPerHost: 1,
      connector: { tls: { ca: certs.ca.cert } }
    })
    yield* Effect.gen(function* () {
      const pool = yield* ConnectionPool.ConnectionPool
      const events = yield* pool.subscribe
      const request = story.request ?? HttpClientRequest.get("/first")
      const one = yield* Effect.fork(outcomeOf(server.url, request))
      yield* server.until(({ requests }) => requests.length === 1)
      const rest = yield* Effect.forEach(others, (other) => Effect.fork(outcomeOf(server.url, other)))
      const seen: Array<PoolEvent.PoolEvent> = []
      for (let inLine = 0; inLine < others.length; ) {
        const event = yield* Queue.take(events)
        seen.push(event)
        if (PoolEvent.$is("Queued")(event)) inLine = event.waiting
      }
      if (first !== undefined) story.play(first[1], first[0])
      assert.deepStrictEqual(yield* Fiber.join(one), story.outcome)
      const texts = yield* Effect.forEach(rest, Fiber.join)
      assert.deepStrictEqual(texts, [{ text: "/second" }, { text: "/third" }])
      seen.push(...(yield* Queue.takeAll(events)))
      const id = seen.find(PoolEvent.$is("Acquired"))?.connectionId
      const reasons = seen.filter(PoolEvent.$is("Retired")).filter(({ connectionId }) => connectionId === id)
      assert.lengthOf(reasons, 1)
      assert.include([story.retired].flat(), reasons[0]?.reason)
      // Its connection carried nothing else, not even a request that was sent again.
      const carried = server.requests.filter(({ connection }) => connection === 1).map(({ target }) => target)
      assert.deepStrictEqual(carried, ["/first"])
      assert.lengthOf(server.requests, 3)
      assert.strictEqual((yield* pool.stats).staleRetries, 0)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
