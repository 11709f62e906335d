/** Clients that send small requests over real sockets, as contestants who also tell how long each request took. */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Undici from "undici"
import { inFibers, inPromises, withLatency } from "./contestants.js"
import { stopwatch } from "./latencies.js"
import type { Contestant } from "./rounds.js"
import * as Server from "./server.js"

/** A request and its text by a client of the platform's interface, so many at a time. */
export const onClient = (
  name: string,
  client: HttpClient.HttpClient,
  request: HttpClientRequest.HttpClientRequest,
  together: number
): Contestant => {
  const watch = stopwatch()
  const one = Effect.flatMap(client.execute(request), (response) => response.text)
  const checked = Effect.filterOrDieMessage(one, (text) => text.startsWith(Server.expected), `${name}: a wrong answer`)
  return withLatency(inFibers(together)(name, watch.timed(checked)), watch)
}

/** A GET and its text by undici itself. */
export const onUndici = (url: string, together: number): Effect.Effect<Contestant, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Undici.Agent({ connections: together })),
      (agent) => Effect.promise(() => agent.close())
    ),
    (agent) => {
      const watch = stopwatch()
      const one = async () => {
        const { body } = await Undici.request(url, { dispatcher: agent })
        const text = await body.text()
        if (!text.startsWith(Server.expected)) throw new Error("undici.request: a wrong answer")
      }
      const contestant = inPromises(together)("undici.request", () => watch.timedPromise(one))
      return withLatency(contestant, watch)
    }
  )
