/** The server that requests go to: a scripted responder in a process of its own, until the scope closes. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { small } from "./answers.js"
import type { Addresses, Options, Stats } from "./responder/serve.js"

export interface Server {
  /** `http://127.0.0.1:port`, without a slash at its end; paths are those of `answers.ts`. */
  readonly origin: string
  /** The same over TLS, if it was asked for; and the certificate to trust, PEM. */
  readonly tls: { readonly origin: string; readonly ca: string } | undefined
  /** What the responder has counted since it began, its CPU time among it. */
  readonly stats: Effect.Effect<Stats>
}

const running = (options: Options): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      fork(fileURLToPath(new URL("./responder.mjs", import.meta.url)), [JSON.stringify(options)], {
        execArgv: [],
        stdio: "inherit"
      })
    ),
    (child) => Effect.sync(() => child.connected && child.disconnect())
  )

/** The next message, unless the process ends before. */
const told = <A>(child: ChildProcess, ask: () => void = () => {}): Effect.Effect<A> =>
  Effect.async((resume) => {
    const end = (answer: Effect.Effect<A>) => {
      child.off("message", onMessage).off("exit", onExit).off("error", onError)
      resume(answer)
    }
    const onMessage = (message: unknown) => end(Effect.succeed(message as A))
    const onExit = (code: number | null) => end(Effect.dieMessage(`the responder ended with status ${code}`))
    const onError = (cause: Error) => end(Effect.die(cause))
    child.on("message", onMessage).on("exit", onExit).on("error", onError)
    ask()
  })

export const start = (options: Options = {}): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* running(options)
    const { addresses } = yield* told<{ readonly addresses: Addresses }>(child)
    const { port, tls } = addresses
    const ask = told<{ readonly stats: Stats }>(child, () => child.send("stats"))
    return {
      origin: `http://127.0.0.1:${port}`,
      tls: tls === undefined ? undefined : { origin: `https://127.0.0.1:${tls.port}`, ca: tls.ca },
      stats: Effect.map(ask, ({ stats }) => stats)
    }
  })

/** The URL of a small answer. */
export const url: Effect.Effect<string, never, Scope.Scope> = Effect.map(
  start(),
  ({ origin }) => `${origin}${small.path}`
)

/** What every small body begins with. */
export const expected = '{"id":12345'
