import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { serve } from "../peers/support/LoopbackServer.js"

interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
  /** Milliseconds between the last output and the end. */
  readonly lingered: number
}

/** Runs a TypeScript file until it ends, by force after 20 seconds. */
const run = (file: string, ...args: ReadonlyArray<string>): Effect.Effect<Outcome> =>
  Effect.async((resume) => {
    const path = fileURLToPath(new URL(file, import.meta.url))
    const child = spawn(process.execPath, ["--import", "tsx", path, ...args], { stdio: ["ignore", "pipe", "pipe"] })
    const limit = setTimeout(() => child.kill("SIGKILL"), 20_000)
    let output = ""
    let done = Number.NaN
    child.stdout.on("data", (bytes: Buffer) => {
      output += bytes.toString()
      if (output.includes("done")) done = performance.now()
    })
    child.stderr.on("data", (bytes: Buffer) => {
      output += bytes.toString()
    })
    child.on("exit", (code, signal) => {
      clearTimeout(limit)
      resume(Effect.succeed({ code, signal, output, lingered: performance.now() - done }))
    })
  })

describe("a program that never disposes its runtime", () => {
  it.scopedLive(
    "ends by itself within a second of its last response, though connections are idle",
    () =>
      Effect.gen(function* () {
        const server = yield* serve((_, reply) => reply.send({ body: "ok" }))
        const outcome = yield* run("./fixtures/neverDisposes.ts", server.url)
        assert.strictEqual(outcome.output, "done\n")
        assert.deepStrictEqual([outcome.code, outcome.signal], [0, null])
        assert.isBelow(outcome.lingered, 1000)
        assert.strictEqual(server.requests.length, 4)
      }),
    30_000
  )
})
