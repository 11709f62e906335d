/** Requests through the client: of every method, with every body, read in every way. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError, ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as PooledHttpClient from "@hotaru/client/PooledHttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Wish } from "./Call.js"
import * as Content from "./Content.js"
import type { Draw } from "./Draw.js"
import * as Plan from "./Plan.js"
import type { Trace } from "./Trace.js"

export interface Made extends Wish {
  readonly effect: Effect.Effect<unknown, unknown>
}

interface Shape {
  readonly name: string
  readonly repeatable: boolean
  readonly spoiled?: boolean
  readonly build: (url: string, id: string, draw: Draw) => HttpClientRequest.HttpClientRequest
}

class Spoiled extends Error {}

/** A body that comes piece by piece, and may fail. */
const pieces = (id: string, draw: Draw, spoiled: boolean): Stream.Stream<Uint8Array, Spoiled> => {
  const gap = draw.pick([0, 0, 5, 200])
  const all = Content.cut(new TextEncoder().encode(Content.upload(id, draw.int(1, 300))), draw.int(1, 5))
  const stream = Stream.mapEffect(Stream.fromIterable(all), (piece) =>
    gap === 0 ? Effect.succeed(piece) : Effect.as(Effect.sleep(gap), piece)
  )
  return spoiled ? Stream.concat(stream, Stream.fail(new Spoiled("the body fails"))) : stream
}

/** The longest goes to the connection in two pieces. */
const uploadLength = (draw: Draw): number =>
  draw.weighted([
    [1, 0],
    [8, 10],
    [8, 500],
    [0.2, 300_000]
  ])

const bytesOf = (id: string, draw: Draw): HttpBody.HttpBody =>
  HttpBody.uint8Array(new TextEncoder().encode(Content.upload(id, uploadLength(draw))))

const expecting = HttpClientRequest.setHeader("expect", "100-continue")

const shapes: ReadonlyArray<readonly [number, Shape]> = [
  [10, { name: "GET", repeatable: true, build: (url) => HttpClientRequest.get(url) }],
  [2, { name: "HEAD", repeatable: true, build: (url) => HttpClientRequest.head(url) }],
  [
    3,
    {
      name: "POST",
      repeatable: false,
      build: (url, id, draw) => HttpClientRequest.post(url, { body: bytesOf(id, draw) })
    }
  ],
  [
    3,
    {
      name: "POST with key",
      repeatable: true,
      build: (url, id, draw) =>
        HttpClientRequest.post(url, { body: bytesOf(id, draw), headers: { "idempotency-key": id } })
    }
  ],
  [
    2,
    {
      name: "PUT with key",
      repeatable: true,
      build: (url, id, draw) =>
        HttpClientRequest.put(url, { body: bytesOf(id, draw), headers: { "idempotency-key": id } })
    }
  ],
  [
    2,
    {
      name: "PUT",
      repeatable: false,
      build: (url, id, draw) => HttpClientRequest.put(url, { body: bytesOf(id, draw) })
    }
  ],
  [
    2,
    {
      name: "upload",
      repeatable: false,
      build: (url, id, draw) => HttpClientRequest.post(url, { body: HttpBody.stream(pieces(id, draw, false)) })
    }
  ],
  [
    1,
    {
      name: "failing upload",
      repeatable: false,
      spoiled: true,
      build: (url, id, draw) => HttpClientRequest.post(url, { body: HttpBody.stream(pieces(id, draw, true)) })
    }
  ],
  [
    1,
    {
      name: "upload of a wrong length",
      repeatable: false,
      spoiled: true,
      build: (url, id, draw) =>
        HttpClientRequest.post(url, {
          body: HttpBody.stream(pieces(id, draw, false), "text/plain", draw.pick([0, 1, 400]))
        })
    }
  ],
  [
    1,
    {
      name: "POST expecting",
      repeatable: false,
      build: (url, id, draw) => expecting(HttpClientRequest.post(url, { body: bytesOf(id, draw) }))
    }
  ],
  [
    1,
    {
      name: "upload expecting",
      repeatable: false,
      build: (url, id, draw) =>
        expecting(HttpClientRequest.post(url, { body: HttpBody.stream(pieces(id, draw, false)) }))
    }
  ]
]

type Reading = (response: HttpClientResponse, whole: (text: string) => void) => Effect.Effect<unknown, ResponseError>

const decode = (chunks: Iterable<Uint8Array>): string => {
  const decoder = new TextDecoder()
  let text = ""
  for (const chunk of chunks) text += decoder.decode(chunk, { stream: true })
  return text
}

/** `prompt`: takes no time of its own. */
const readings: ReadonlyArray<
  readonly [number, { readonly name: string; readonly prompt: boolean; readonly read: Reading }]
> = [
  [10, { name: "text", prompt: true, read: (response, whole) => Effect.map(response.text, whole) }],
  [
    2,
    {
      name: "bytes twice",
      prompt: true,
      read: (response, whole) =>
        Effect.zipRight(
          response.arrayBuffer,
          Effect.map(response.arrayBuffer, (buffer) => whole(decode([new Uint8Array(buffer)])))
        )
    }
  ],
  [
    3,
    {
      name: "stream",
      prompt: true,
      read: (response, whole) => Effect.map(Stream.runCollect(response.stream), (chunks) => whole(decode(chunks)))
    }
  ],
  [
    2,
    {
      name: "slow stream",
      prompt: false,
      read: (response, whole) => {
        const seen: Array<Uint8Array> = []
        return Effect.map(
          Stream.runForEach(response.stream, (chunk) => {
            seen.push(chunk)
            return seen.length < 40 ? Effect.sleep(50) : Effect.void
          }),
          () => whole(decode(seen))
        )
      }
    }
  ],
  [2, { name: "part of stream", prompt: false, read: (response) => Stream.runDrain(Stream.take(response.stream, 1)) }],
  [
    1,
    {
      name: "each chunk",
      prompt: true,
      read: (response, whole) => {
        const seen: Array<Uint8Array> = []
        return Effect.map(
          PooledHttpClient.forEachChunk(response, (chunk) => {
            seen.push(chunk)
          }),
          () => whole(decode(seen))
        )
      }
    }
  ],
  [3, { name: "nothing", prompt: false, read: () => Effect.void }],
  [1, { name: "nothing, held", prompt: false, read: (response) => Effect.as(Effect.sleep(1500), response) }],
  [
    1,
    {
      name: "late text",
      prompt: false,
      read: (response, whole) => Effect.zipRight(Effect.sleep(700), Effect.map(response.text, whole))
    }
  ],
  [
    1,
    {
      name: "text given up",
      prompt: false,
      read: (response, whole) => Effect.timeoutOption(Effect.map(response.text, whole), 60)
    }
  ],
  [
    2,
    {
      name: "one pull in a scope",
      prompt: false,
      read: (response) =>
        Effect.catchAll(
          PooledHttpClient.pull(response),
          Option.match({ onNone: () => Effect.void, onSome: Effect.fail })
        )
    }
  ]
]

export const make = (client: HttpClient.HttpClient, id: string, draw: Draw, plan: Plan.Plan, trace: Trace): Made => {
  const shape = draw.weighted(shapes)
  const reading = draw.weighted(readings)
  const scoped = reading.name === "one pull in a scope" || draw.chance(0.1)
  const url = `http://${Plan.hostName(draw.int(0, plan.hosts - 1))}/${id}`
  const request = shape
    .build(url, id, draw)
    .pipe(HttpClientRequest.setHeaders({ "x-id": id, "x-most": shape.repeatable ? "2" : "1" }))
  const execute = scoped
    ? Effect.flatMap(Effect.scope, () => HttpClient.withScope(client).execute(request))
    : client.execute(request)
  const read = Effect.flatMap(execute, (response) => {
    const { "x-id": told, "x-length": length } = response.headers
    if (told !== id) trace.broken("own answer", `${id} was answered with what was meant for ${told}`)
    return reading.read(response, (text) => {
      if (!Content.isAnswer(id, Number(length), text))
        trace.broken("whole answer", `${id} read ${text.length} of ${length} bytes: ${text.slice(0, 60)}`)
    })
  })
  const effect: Effect.Effect<unknown, HttpClientError> = Effect.scoped(read)
  const within = reading.prompt ? Math.min(Plan.bound(plan), plan.client.requestTimeout + 1) : Plan.bound(plan)
  const kind = `${shape.name}, ${reading.name}${scoped ? ", scoped" : ""}`
  return { kind, repeatable: shape.repeatable, spoiled: shape.spoiled === true, isDirect: false, within, effect }
}
