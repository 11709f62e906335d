import { accessSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { small } from "../src/answers.js"
import * as Nginx from "../src/nginx.js"

const found = Effect.runSync(Nginx.path)

describe("nginx", () => {
  it("is found where the PATH says, or not at all", () => {
    if (Option.isSome(found)) accessSync(found.value)
    const before = process.env["PATH"]
    process.env["PATH"] = "/nowhere"
    try {
      assert.deepStrictEqual(Effect.runSync(Nginx.path), Option.none())
    } finally {
      process.env["PATH"] = before
    }
  })

  it.scopedLive.skipIf(Option.isNone(found))("answers as the responder does, and ends with its scope", () =>
    Effect.gen(function* () {
      const get = (origin: string) => Effect.promise(() => fetch(origin + small.path).then((answer) => answer.text()))
      const origin = yield* Effect.scoped(
        Effect.gen(function* () {
          const origin = yield* Nginx.start(Option.getOrThrow(found))
          assert.strictEqual(yield* get(origin), small.text)
          return origin
        })
      )
      assert.isTrue((yield* Effect.exit(Effect.sandbox(get(origin))))._tag === "Failure")
    })
  )

  it.scopedLive("that cannot be started is an error with what it said", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(Nginx.start("/bin/false"))
      assert.match(failure.message, /did not come to answer on port \d+: it left no log/)
    })
  )
})
