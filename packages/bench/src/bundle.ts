/**
 * What is measured is a bundle: a loader that transforms modules as they are imported leaves code of its own in them
 * and slows some of them down.
 */
import { rm } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { build } from "esbuild"

export class BundleFailed extends Data.TaggedError("BundleFailed")<{ readonly cause: unknown }> {
  override get message(): string {
    return `The measurements could not be bundled: ${this.cause instanceof Error ? this.cause.message : this.cause}`
  }
}

const root = fileURLToPath(new URL("..", import.meta.url))
const entries = ["child", "responder"] as const

/**
 * Bundles the measures and the server they talk to, into a folder of this process in the package's cache, removed with
 * the scope; answers with the path of the measures.
 */
export const bundle: Effect.Effect<string, BundleFailed, Scope.Scope> = Effect.gen(function* () {
  const outdir = `${root}node_modules/.cache/bench/${process.pid}`
  yield* Effect.addFinalizer(() => Effect.promise(() => rm(outdir, { recursive: true, force: true })))
  yield* Effect.tryPromise({
    try: () =>
      build({
        entryPoints: entries.map((name) => `${root}src/${name}.ts`),
        outdir,
        outExtension: { ".js": ".mjs" },
        bundle: true,
        // A measure loads what it needs and no more.
        splitting: true,
        platform: "node",
        format: "esm",
        target: "node20",
        // What users have in their node_modules stays there.
        external: ["effect", "@effect/*", "undici", "generic-pool", "tarn", "selfsigned"],
        logLevel: "silent"
      }),
    catch: (cause) => new BundleFailed({ cause })
  })
  return `${outdir}/child.mjs`
})
