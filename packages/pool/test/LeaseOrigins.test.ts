import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { namesOf, placeOf } from "../src/internal/leaseOrigins.js"

const stack = [
  "Error: acquired here",
  "    at capture (/app/node_modules/@hotaru/pool/dist/internal/leaseOrigins.js:26:21)",
  "    at Interpreter.request (file:///app/node_modules/.pnpm/@hotaru+pool@0.1.0/node_modules/@hotaru/pool/dist/internal/interpreter.js:84:9)",
  "    at FiberRuntime.runLoop (/app/node_modules/effect/dist/cjs/internal/fiberRuntime.js:1384:34)",
  "    at decode (C:\\app\\node_modules\\@effect\\platform\\dist\\HttpClient.js:1:1)",
  "    at checkout (/app/packages/client/src/checkout.ts:12:5)",
  "    at Object.<anonymous> (/app/src/main.ts:3:1)",
  "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"
].join("\n")

describe("where a lease was taken", () => {
  it("is told by the program's frames, and not by those of this library, of Effect and of Node.js", () => {
    assert.strictEqual(
      placeOf(stack, undefined),
      [
        "acquired here",
        "    at checkout (/app/packages/client/src/checkout.ts:12:5)",
        "    at Object.<anonymous> (/app/src/main.ts:3:1)"
      ].join("\n")
    )
  })

  it.effect("is told by where the program's spans were opened, for whoever takes leases by hand too", () =>
    Effect.gen(function* () {
      const span = yield* Effect.orDie(Effect.currentSpan)
      assert.strictEqual(namesOf(span), '"checkout" in "order"')
      const [first, inner, outer, ...rest] = placeOf(undefined, span).split("\n")
      assert.strictEqual(first, "acquired here")
      assert.match(inner ?? "", /at checkout \(.*LeaseOrigins\.test\.ts:\d+:\d+\)$/)
      assert.match(outer ?? "", /at order \(.*LeaseOrigins\.test\.ts:\d+:\d+\)$/)
      assert.deepStrictEqual(rest, [])
    }).pipe(Effect.withSpan("checkout"), Effect.withSpan("order"))
  )

  it("says what to do where nothing of the program is known", () => {
    assert.strictEqual(
      placeOf(undefined, undefined),
      "acquired here: at a place that is not known, because no frame was the program's; Effect.withSpan around it names it"
    )
  })
})
