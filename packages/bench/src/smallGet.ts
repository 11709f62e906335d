/** A small GET with its text, in sequence and 50 at a time. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { NodePooledHttpClient } from "@hotaru/node"
import { Effect, Layer, type Scope } from "effect"
import * as Undici from "undici"
import { type Contestant, measure, type Rounds, table } from "./measure.js"

const responder: Effect.Effect<number, Error, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.async<{ readonly port: number; readonly stop: () => void }, Error>((resume) => {
      const child = fork(fileURLToPath(new URL("./responder.js", import.meta.url)), { stdio: "inherit" })
      child.once("error", (cause) => resume(Effect.fail(cause)))
      child.once("message", (message) =>
        resume(Effect.succeed({ port: (message as { readonly port: number }).port, stop: () => child.disconnect() }))
      )
    }),
    ({ stop }) => Effect.sync(stop)
  ),
  ({ port }) => port
)

const onClient = (name: string, client: HttpClient.HttpClient, url: string, concurrency: number, traced: boolean) => {
  const one = Effect.flatMap(client.get(url), (response) => response.text)
  const checked = Effect.filterOrDieMessage(one, (text) => text.startsWith('{"id":12345'), `${name}: wrong answer`)
  return {
    name,
    run: (operations: number) =>
      Effect.forEach(
        Array.from({ length: concurrency }),
        () => Effect.repeatN(checked, Math.ceil(operations / concurrency) - 1),
        { concurrency, discard: true }
      ).pipe(Effect.withTracerEnabled(traced), Effect.orDie)
  } satisfies Contestant<never>
}

const rawUndici = (url: string, concurrency: number): Contestant<never> => {
  const agent = new Undici.Agent({ connections: concurrency })
  const one = async () => {
    const { body } = await Undici.request(url, { dispatcher: agent })
    const text = await body.text()
    if (!text.startsWith('{"id":12345')) throw new Error("undici.request: wrong answer")
  }
  return {
    name: "undici.request",
    run: (operations) =>
      Effect.promise(async () => {
        const worker = async () => {
          for (let i = 0; i < Math.ceil(operations / concurrency); i++) await one()
        }
        await Promise.all(Array.from({ length: concurrency }, worker))
      })
  }
}

export const smallGet = (rounds: Rounds) =>
  Effect.gen(function* () {
    const url = `http://127.0.0.1:${yield* responder}/`
    const contestants = (layer: Layer.Layer<HttpClient.HttpClient>) =>
      Effect.map(Layer.build(layer), (context) => context)
    const ours = yield* contestants(NodePooledHttpClient.layer())
    const undici = yield* contestants(NodeHttpClient.layerUndici)
    const client = (context: typeof ours) => Effect.provide(HttpClient.HttpClient, context)
    const oursClient = yield* client(ours)
    const undiciClient = yield* client(undici)
    for (const concurrency of [1, 50]) {
      for (const traced of [true, false]) {
        const rows = yield* measure(
          [
            onClient("hotaru", oursClient, url, concurrency, traced),
            onClient("layerUndici", undiciClient, url, concurrency, traced),
            rawUndici(url, concurrency)
          ],
          rounds
        )
        const title = `Small GET, ${concurrency} at a time, tracing ${traced ? "on" : "off"}: CPU per request`
        yield* Effect.sync(() => console.log(table(title, rows, "layerUndici")))
      }
    }
  }).pipe(Effect.scoped)
