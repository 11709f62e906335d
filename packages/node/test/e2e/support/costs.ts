/** Runs programs whose costs are counted, each in a process of its own: what a test runner does is nobody's cost. */
import { spawn } from "node:child_process"
import { rm } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { build } from "esbuild"
import { type Handler, serve } from "../../peers/support/LoopbackServer.js"
import { certificates } from "../../support/certificates.js"

const fixtures = fileURLToPath(new URL("../fixtures/costs/", import.meta.url))
const packageRoot = fileURLToPath(new URL("../../../", import.meta.url))

/**
 * Bundled, because a loader that transforms modules as they are imported leaves code of its own in them, whose
 * allocations would count. Removed with the scope.
 */
const bundle: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function* () {
  const outdir = `${packageRoot}node_modules/.cache/costs/${process.pid}`
  yield* Effect.addFinalizer(() => Effect.promise(() => rm(outdir, { recursive: true, force: true })))
  yield* Effect.promise(() =>
    build({
      entryPoints: ["probe", "counting", "allocating"].map((name) => `${fixtures}${name}.ts`),
      outdir,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      // The probe that is loaded first is the one that the program asks.
      splitting: true,
      platform: "node",
      format: "esm",
      target: "node20",
      // What users have in their node_modules stays there.
      external: ["effect", "@effect/*"],
      logLevel: "silent"
    })
  )
  return outdir
})

const body = Buffer.alloc(1024 * 1024, "x")

const answers: Handler = (request, reply) => {
  if (request.target === "/big") reply.send({ body })
  else if (request.target === "/count") reply.send({ body: String(request.body.length) })
  else {
    const headers = { "content-type": "application/json" }
    reply.send({ headers, body: request.target === "/echo" ? request.body : '{"message":"hello"}' })
  }
}

/** Runs a program, by force for a minute and a half at most, and answers with the JSON it prints. */
const run = (args: ReadonlyArray<string>): Effect.Effect<unknown> =>
  Effect.async((resume) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    const limit = setTimeout(() => child.kill("SIGKILL"), 90_000)
    let output = ""
    let errors = ""
    child.stdout.on("data", (bytes: Buffer) => {
      output += bytes.toString()
    })
    child.stderr.on("data", (bytes: Buffer) => {
      errors += bytes.toString()
    })
    child.on("close", (code, signal) => {
      clearTimeout(limit)
      resume(
        code === 0
          ? Effect.sync(() => JSON.parse(output) as unknown)
          : Effect.dieMessage(`it ended with ${code ?? signal}: ${errors}`)
      )
    })
  })

export type Counts = Readonly<Record<string, number>>

/** What each window of `fixtures/costs/counting.ts` counted, by its name. */
export const counting: Effect.Effect<Readonly<Record<string, Counts>>> = Effect.gen(function* () {
  const outdir = yield* bundle
  const { ca, server: pair } = yield* Effect.promise(certificates)
  const plain = yield* serve(answers)
  const secure = yield* serve(answers, { tls: pair })
  const program = ["--import", `${outdir}/probe.mjs`, `${outdir}/counting.mjs`]
  const counted = yield* run([...program, plain.url, secure.url, ca.cert])
  return counted as Record<string, Counts>
}).pipe(Effect.scoped)

/** What each window of `fixtures/costs/allocating.ts` measured, by its name: bytes of the heap per request. */
export const allocating: Effect.Effect<Readonly<Record<string, ReadonlyArray<number>>>> = Effect.gen(function* () {
  const outdir = yield* bundle
  const server = yield* serve(answers)
  // So much room (MiB) for what is new that no garbage is collected within a window.
  const room = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"]
  const measured = yield* run([...room, "--no-opt", "--no-maglev", `${outdir}/allocating.mjs`, server.url])
  return measured as Record<string, ReadonlyArray<number>>
}).pipe(Effect.scoped)
