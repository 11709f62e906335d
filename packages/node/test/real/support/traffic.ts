/** Requests of every kind through a real server; each answer must name its request. */

import { createHash } from "node:crypto"
import { HttpBody, HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { turns } from "../../support/dialling.js"

export interface Failure {
  /** As the upstream would have called it. */
  readonly name: string
  readonly error: HttpClientError.HttpClientError
}

type Exchange = Effect.Effect<unknown, HttpClientError.HttpClientError, HttpClient.HttpClient>

/** A request of one kind, told from others by its number. */
export interface Kind {
  readonly name: (id: string) => string
  readonly run: (url: string, id: string) => Exchange
}

const BIG = 200_000
const piece = new Uint8Array(5000).fill(97)
const text = (length: number) => "x".repeat(length)
const hashOf = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/** What `/flood` holds. */
const FLOOD = hashOf(Buffer.alloc(8_000_000, "f"))

const textOf = (url: string, kind: string, id: string): Exchange =>
  HttpClient.get(`${url}/${kind}/${id}`).pipe(
    Effect.flatMap((response) => response.text),
    Effect.map((body) => assert.strictEqual(body.replace(/^(drip)+/, ""), `GET /${kind}/${id}`))
  )

const get = (kind: string): Kind => ({
  name: (id) => `GET /${kind}/${id}`,
  run: (url, id) => textOf(url, kind, id)
})

/** A POST; the answer tells the length and the hash of what arrived. */
const post = (
  kind: string,
  body: () => HttpBody.HttpBody,
  bytes: string | Uint8Array,
  headers: (id: string) => Readonly<Record<string, string>>
): Kind => ({
  name: (id) => `POST /echo/${kind}-${id}`,
  run: (url, id) =>
    HttpClient.execute(
      HttpClientRequest.post(`${url}/echo/${kind}-${id}`, { body: body(), headers: headers(id) })
    ).pipe(
      Effect.flatMap((response) => response.text),
      Effect.map((said) =>
        assert.strictEqual(said, `POST /echo/${kind}-${id} ${Buffer.byteLength(bytes)} ${hashOf(bytes)}`)
      )
    )
})

const keyed = (id: string) => ({ "idempotency-key": `key-${id}` })
const plain = () => ({})

export const kinds = {
  small: get("small"),
  chunked: get("chunked"),
  closeDelimited: get("close"),
  slow: get("slow"),
  /** Answered when the upstream is told to. */
  held: get("held"),
  /** A piece every few milliseconds. */
  trickle: get("trickle"),
  longHeaders: get("header"),
  hugeHead: {
    name: (id) => `GET /huge/${id}`,
    run: (url, id) =>
      Effect.gen(function* () {
        const response = yield* HttpClient.get(`${url}/huge/${id}`)
        assert.strictEqual(yield* response.text, `GET /huge/${id}`)
        for (let i = 0; i < 7; i++) assert.strictEqual(response.headers[`x-huge-${i}`], "h".repeat(8000))
        for (let i = 0; i < 80; i++) assert.strictEqual(response.headers[`x-many-${i}`], String(i))
      })
  },
  head: {
    name: (id) => `HEAD /small/${id}`,
    run: (url, id) =>
      Effect.map(HttpClient.head(`${url}/small/${id}`), (response) =>
        assert.strictEqual(response.headers["x-name"], `HEAD /small/${id}`)
      )
  },
  empty: {
    name: (id) => `GET /empty/${id}`,
    run: (url, id) =>
      Effect.map(HttpClient.get(`${url}/empty/${id}`), (response) =>
        assert.deepStrictEqual([response.status, response.headers["x-name"]], [204, `GET /empty/${id}`])
      )
  },
  big: {
    name: (id) => `GET /big/${id}`,
    run: (url, id) =>
      HttpClient.get(`${url}/big/${id}`).pipe(
        Effect.flatMap((response) => response.arrayBuffer),
        Effect.map((bytes) => assert.strictEqual(bytes.byteLength, BIG))
      )
  },
  /** Read in part, and then left. */
  bigInPart: {
    name: (id) => `GET /big/part-${id}`,
    run: (url, id) =>
      HttpClient.get(`${url}/big/part-${id}`).pipe(
        Effect.flatMap((response) => Stream.runHead(response.stream)),
        Effect.map((first) => assert.strictEqual(first._tag, "Some"))
      )
  },
  /** Read so slowly that the server has to wait: more than all buffers between it and the reader hold. */
  readSlowly: {
    name: (id) => `GET /flood/${id}`,
    run: (url, id) =>
      Effect.gen(function* () {
        const response = yield* HttpClient.get(`${url}/flood/${id}`)
        const hash = createHash("sha256")
        yield* Stream.runForEach(response.stream, (bytes) => Effect.as(turns(3), hash.update(bytes)))
        assert.strictEqual(hash.digest("hex"), FLOOD)
      })
  },
  keyedPost: post("keyed", () => HttpBody.text(text(300)), text(300), keyed),
  keyedUpload: post("upload", () => HttpBody.uint8Array(new Uint8Array(100_000).fill(98)), "b".repeat(100_000), keyed),
  expecting: post(
    "expecting",
    () => HttpBody.text(text(5000)),
    text(5000),
    (id) => ({
      ...keyed(id),
      expect: "100-continue"
    })
  ),
  /** May be lost with its connection: nothing says that it may be carried out twice. */
  plainPost: post("plain", () => HttpBody.text(text(10)), text(10), plain),
  /** Cannot be sent twice, as its body cannot. */
  streamed: post(
    "streamed",
    () => HttpBody.stream(Stream.repeatValue(piece).pipe(Stream.take(10))),
    "a".repeat(50_000),
    keyed
  )
} satisfies Record<string, Kind>

/** Those that must succeed whatever happens to kept connections: GETs, HEADs and POSTs with a key. */
export const repeatable: ReadonlyArray<Kind> = [
  kinds.small,
  kinds.small,
  kinds.small,
  kinds.head,
  kinds.chunked,
  kinds.keyedPost,
  kinds.empty,
  kinds.big,
  kinds.keyedPost,
  kinds.slow,
  kinds.closeDelimited,
  kinds.longHeaders,
  kinds.trickle,
  kinds.hugeHead,
  kinds.bigInPart,
  kinds.keyedUpload,
  kinds.expecting
]

/**
 * The same, by somebody who sends again what is safe to send again, for half a minute at most: while a server is down and
 * its successor not yet up.
 */
export const insisting = (kind: Kind): Kind => ({
  name: kind.name,
  run: (url, id) =>
    Effect.retry(kind.run(url, id), {
      while: PooledHttpClient.isSafeToRetry,
      schedule: Schedule.spaced("20 millis"),
      times: 1500
    })
})

/** All, each `1 / kinds.length` of the count; answers those that failed. */
export const run = (
  url: string,
  options: {
    readonly kinds: ReadonlyArray<Kind>
    readonly count: number
    readonly concurrency: number
    readonly from?: number
  }
): Effect.Effect<ReadonlyArray<Failure>, never, HttpClient.HttpClient> => {
  const failures: Array<Failure> = []
  const { concurrency, count, from = 0 } = options
  const one = (i: number) => {
    const kind = options.kinds[i % options.kinds.length]!
    const id = String(from + i)
    return Effect.map(Effect.either(kind.run(url, id)), (outcome) => {
      if (Either.isLeft(outcome)) failures.push({ name: kind.name(id), error: outcome.left })
    })
  }
  const numbers = Array.from({ length: count }, (_, i) => i)
  return Effect.as(Effect.forEach(numbers, one, { concurrency, discard: true }), failures)
}

/** Failures as a test shows them. */
export const shown = (failures: ReadonlyArray<Failure>): ReadonlyArray<string> =>
  failures.map(({ error, name }) => `${name}: ${error.message} ${String((error.cause as Error)?.message ?? "")}`)
