/** What the tests of whole processes run: `child.ts <story> <port> ...`. Prints one line of JSON. */
import { openSync, readFileSync } from "node:fs"
import { NodeConnector } from "@hotaru/node"
import { ConnectionKey, type PoolError } from "@hotaru/pool"
import { Effect, Exit, Scope } from "effect"

const [story, port, file] = process.argv.slice(2)
const key = (useTls: boolean) => ConnectionKey.make({ host: "127.0.0.1", port: Number(port), useTls })
const say = (value: unknown) => Effect.sync(() => void process.stdout.write(`${JSON.stringify(value)}\n`))

const outcome = (options: NodeConnector.NodeConnectorOptions, useTls: boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connector = yield* NodeConnector.make(options)
      const { facts } = yield* connector.connect(key(useTls))
      return facts.tls?.authorized === true ? "authorized" : "open"
    })
  ).pipe(
    Effect.catchAll((error: PoolError.ConnectError) => Effect.succeed(`${error.phase} ${error.code} ${error.local}`))
  )

const stories: { readonly [story: string]: Effect.Effect<unknown, unknown> } = {
  /** Leaves parked connections behind and does nothing more. */
  parked: Effect.gen(function* () {
    const scope = yield* Scope.make()
    const connector = yield* Scope.extend(NodeConnector.make({ tls: { rejectUnauthorized: false } }), scope)
    for (const useTls of [true, true]) {
      const connection = yield* Scope.extend(connector.connect(key(useTls)), scope)
      connection.park()
    }
    yield* say("parked")
  }),
  /** Under NODE_EXTRA_CA_CERTS; the file holds an authority that signed nothing. */
  extraCa: Effect.gen(function* () {
    const other = readFileSync(file ?? "")
    yield* say([
      yield* outcome({}, true),
      yield* outcome({ tls: { extraCa: other } }, true),
      yield* outcome({ tls: { ca: other } }, true)
    ])
  }),
  /** With no descriptor left. */
  exhausted: Effect.gen(function* () {
    const scope = yield* Scope.make()
    const connector = yield* Scope.extend(NodeConnector.make(), scope)
    const held: Array<number> = []
    try {
      for (;;) held.push(openSync("/dev/null", "r"))
    } catch {
      const exit = yield* Effect.exit(Effect.scoped(connector.connect(key(false))))
      yield* say(
        Exit.isFailure(exit) && exit.cause._tag === "Fail"
          ? { ...exit.cause.error, key: undefined, cause: undefined }
          : "opened"
      )
    }
    yield* Effect.sync(() => process.exit(held.length > 0 ? 0 : 1))
  })
}

Effect.runFork(stories[story ?? ""] ?? Effect.dieMessage(`no such story: ${story}`))
