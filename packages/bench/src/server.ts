/** The server that small requests go to, in a process of its own, until the scope closes. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The URL of its only resource. */
export const url: Effect.Effect<string, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.async<{ readonly port: number; readonly stop: () => void }>((resume) => {
      const child = fork(fileURLToPath(new URL("./responder.mjs", import.meta.url)), { stdio: "inherit" })
      child.once("error", (cause) => resume(Effect.die(cause)))
      child.once("message", (message) =>
        resume(Effect.succeed({ port: (message as { readonly port: number }).port, stop: () => child.disconnect() }))
      )
    }),
    ({ stop }) => Effect.sync(stop)
  ),
  ({ port }) => `http://127.0.0.1:${port}/`
)

/** What every body that it answers with begins with. */
export const expected = '{"id":12345'
