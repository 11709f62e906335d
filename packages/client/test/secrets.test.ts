/**
 * What a program sends to identify itself is shown in no message, log, event or number. What shows of the errors and
 * responses themselves, printed without Effect's loggers, is in `printing.test.ts`.
 */
import { inspect } from "node:util"
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Queue from "effect/Queue"
import { clientLayer } from "./support.js"

const secrets = ["hunter2", "bearer-of-bad-news", "cookie-monster", "key-under-the-mat"]

const secretive = HttpClientRequest.get("http://ada:hunter2@a.test/where?q=1").pipe(
  HttpClientRequest.setHeaders({ cookie: "a=cookie-monster", "x-api-key": "key-under-the-mat" })
)
const bearing = HttpClientRequest.get("http://a.test/where").pipe(
  HttpClientRequest.setHeader("authorization", "Bearer bearer-of-bad-news")
)

const shown = (value: unknown): string =>
  [
    Inspectable.toStringUnknown(value),
    Inspectable.format(value),
    JSON.stringify(value),
    String(value),
    inspect(value, { depth: 8 })
  ].join("\n")

/** Runs the program twice, with each way to name oneself; answers all that can be seen of it. */
const seen = (program: Effect.Effect<unknown, unknown, HttpClient.HttpClient | FakeNetwork.FakeNetwork>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const into = <A>(logger: Logger.Logger<unknown, A>) => Logger.map(logger, (line) => void lines.push(String(line)))
    const logs = Layer.mergeAll(
      Logger.replace(Logger.defaultLogger, into(Logger.stringLogger)),
      Logger.add(into(Logger.jsonLogger)),
      Logger.add(into(Logger.logfmtLogger)),
      Logger.minimumLogLevel(LogLevel.All)
    )
    yield* Effect.gen(function* () {
      const pool = yield* ConnectionPool.ConnectionPool
      const events = yield* pool.subscribe
      const exit = yield* Effect.exit(program)
      yield* Effect.logError("it ended", exit)
      if (Exit.isFailure(exit)) {
        const error = Cause.squash(exit.cause) as Error
        lines.push(Cause.pretty(exit.cause), String(error), error.message, error.stack ?? "", shown(error.cause))
      }
      const told = yield* Queue.takeAll(events)
      assert.isAbove(told.length, 0)
      lines.push(shown(told), shown(yield* pool.stats), shown(yield* pool.hostStats))
    }).pipe(Effect.scoped, Effect.provide(logs))
    const text = lines.join("\n")
    // Whatever was logged holds the request.
    assert.include(text, "/where")
    return text
  })

const assertSilent = (text: string): void => {
  for (const secret of secrets) {
    const at = text.indexOf(secret)
    assert.strictEqual(at, -1, text.slice(Math.max(0, at - 200), at + 40))
    assert.notInclude(text, btoa(`ada:${secret}`))
  }
}

describe("what identifies the caller", () => {
  for (const [how, request] of [
    ["user info, a cookie and a key", secretive],
    ["authorization", bearing]
  ] as const) {
    it.effect(`is sent and not shown where a request is answered: ${how}`, () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        assertSilent(yield* seen(Effect.tap(HttpClient.execute(request), (response) => response.text)))
        // It was there to be shown.
        assert.match(network.sockets[0]!.receivedText, /authorization: (Basic|Bearer) /i)
      }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("fine")))))
    )

    it.effect(`is not shown by the error of a connection that breaks: ${how}`, () =>
      Effect.gen(function* () {
        assertSilent(yield* seen(Effect.flatMap(HttpClient.execute(request), (response) => response.text)))
      }).pipe(Effect.provide(clientLayer(ScriptedServer.always("HTTP/1.1 200 OK\r\nbad header : x\r\n\r\n"))))
    )

    it.effect(`is not shown by the error of a dial that fails: ${how}`, () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        network.park()
        const failing = Effect.zipRight(
          Effect.forkDaemon(Effect.flatMap(network.nextDial, (dial) => Effect.sync(() => dial.fail()))),
          HttpClient.execute(request)
        )
        assertSilent(yield* seen(failing))
      }).pipe(Effect.provide(clientLayer()))
    )
  }
})
