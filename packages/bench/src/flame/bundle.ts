/** What is profiled: our packages in one bundle, like what is measured, and beside it the map that tells their files apart again. */
import { rm } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { build } from "esbuild"
import { BundleFailed } from "../bundle.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

/**
 * Bundles the process that is profiled and the server it talks to, into a folder of this process in the package's
 * cache, removed with the scope; answers with the path of the process that is profiled.
 */
export const bundle: Effect.Effect<string, BundleFailed, Scope.Scope> = Effect.gen(function* () {
  const outdir = `${root}node_modules/.cache/flame/${process.pid}`
  yield* Effect.addFinalizer(() => Effect.promise(() => rm(outdir, { recursive: true, force: true })))
  yield* Effect.tryPromise({
    try: () =>
      build({
        // Both in one folder: the one looks for the other beside itself.
        entryPoints: { profiled: `${root}src/flame/profiled.ts`, responder: `${root}src/responder.ts` },
        outdir,
        outExtension: { ".js": ".mjs" },
        bundle: true,
        splitting: true,
        platform: "node",
        format: "esm",
        target: "node20",
        // In files of their own: the maps are for those who read the profile.
        sourcemap: "external",
        // What users have in their node_modules stays there.
        external: ["effect", "@effect/*", "undici", "selfsigned"],
        logLevel: "silent"
      }),
    catch: (cause) => new BundleFailed({ cause })
  })
  return `${outdir}/profiled.mjs`
})
