/** A small GET with its text over real sockets, beside other clients, in sequence and 50 at a time. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { NodePooledHttpClient } from "@hotaru/node"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Clients from "../clients.js"
import { against, table } from "../findings.js"
import { type Measure, rounds } from "../Measure.js"
import { measureBoth } from "../rounds.js"
import * as Server from "../server.js"

const limited = "hotaru, requestTimeout set"

const clients = Effect.gen(function* () {
  const build = <R>(layer: Layer.Layer<HttpClient.HttpClient | R>) =>
    Effect.map(Layer.build(layer), Context.get(HttpClient.HttpClient))
  return {
    hotaru: yield* build(NodePooledHttpClient.layer()),
    [limited]: yield* build(NodePooledHttpClient.layer({ safety: { requestTimeout: 30_000 } })),
    layerUndici: yield* build(NodeHttpClient.layerUndici)
  }
})

export const small: Measure = Effect.fnUntraced(function* (effort) {
  const url = yield* Server.url
  const byName = yield* clients
  const get = HttpClientRequest.get(url)

  const run = Effect.fnUntraced(function* (together: number, traced: boolean) {
    const contestants = Object.entries(byName).map(([name, client]) => Clients.onClient(name, client, get, together))
    const raw = yield* Clients.onUndici(url, together)
    const measured = yield* Effect.withTracerEnabled(measureBoth([...contestants, raw], rounds(effort, 10_000)), traced)
    const title = `Small GET, ${together} at a time, tracing ${traced ? "on" : "off"}`
    yield* Console.log(table(`${title}: CPU per request`, measured.cpu, "layerUndici").join("\n"))
    yield* Console.log(table(`${title}: median latency`, measured.latency, "undici.request").join("\n"))
    return measured
  })

  const alone = yield* run(1, false)
  const traced = yield* run(50, true)
  const untraced = yield* run(50, false)
  return [
    against(traced.cpu, "hotaru", "layerUndici", 1 / 3, "small GET, tracing on, CPU against layerUndici"),
    against(untraced.cpu, "hotaru", "layerUndici", 1 / 4, "small GET, tracing off, CPU against layerUndici"),
    against(untraced.cpu, "hotaru", "undici.request", 1.2, "small GET, tracing off, CPU against undici.request"),
    against(untraced.cpu, limited, "hotaru", 1.05, "small GET, requestTimeout set, CPU against off"),
    against(alone.latency, "hotaru", "undici.request", 1.2, "small GET, 1 at a time, latency against undici.request")
  ]
})
