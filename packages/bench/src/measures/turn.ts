/**
 * What it costs that a request which may not be repeated waits for a turn of the event loop before it is written: a
 * small POST with an idempotency key, which does not wait, beside one that differs in nothing but the field's name.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { NodePooledHttpClient } from "@hotaru/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { small } from "../answers.js"
import { against } from "../findings.js"
import { contestant } from "../lineup.js"
import { type Measure, rounds } from "../Measure.js"
import { inFiber } from "../peers/Peer.js"
import * as Report from "../Report.js"
import { measureAll } from "../rounds.js"
import * as Server from "../server.js"
import { checkText } from "../Work.js"

const mayRepeat = "POST that may be repeated"
const mayNot = "POST that may not"

/** What "not measurable" is held to be, where nobody has the machine alone. */
const unmeasurable = 1.05

export const turn: Measure = Effect.fnUntraced(function* (effort) {
  const url = yield* Server.url
  const post = HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText("a small order"))
  const requests = {
    GET: HttpClientRequest.get(url),
    [mayRepeat]: HttpClientRequest.setHeader(post, "idempotency-key", "0123456789"),
    [mayNot]: HttpClientRequest.setHeader(post, "idempotence-kin", "0123456789")
  }

  const run = Effect.fnUntraced(function* (together: number, connections: number, atMost?: number) {
    const built = yield* Layer.build(NodePooledHttpClient.layer({ maxConnectionsPerHost: connections }))
    const client = Context.get(built, HttpClient.HttpClient)
    const contestants = Object.entries(requests).map(([name, request]) => {
      const text = Effect.flatMap(client.execute(request), (response) => response.text)
      const once = Effect.map(text, (text) => checkText({ _tag: "Text", path: small.path, expected: small.text }, text))
      return contestant(name, inFiber(once), together)
    })
    const measured = yield* Effect.withTracerEnabled(measureAll(contestants, rounds(effort, 10_000)), false)
    const where = `${together} at a time on ${connections} connection${connections === 1 ? "" : "s"}`
    yield* Report.table({
      title: `A turn before writing, ${where}: CPU per request`,
      unit: "µs",
      figures: measured.cpu,
      references: ["GET"],
      beside: [{ title: "p50 µs", figures: measured.p50 }]
    })
    return [
      against(measured.cpu, mayNot, mayRepeat, atMost, `a turn before a POST, ${where}, CPU`),
      against(measured.p50, mayNot, mayRepeat, atMost, `a turn before a POST, ${where}, latency`)
    ]
  })

  return [
    ...(yield* run(1, 1)),
    // A busy pool: each connection goes straight from one request to the next ...
    ...(yield* run(50, 10, unmeasurable)),
    // ... or comes back just in time.
    ...(yield* run(50, 50, unmeasurable))
  ]
})
