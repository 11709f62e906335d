import {
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiError,
  HttpApiGroup,
  HttpApiSchema
} from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { serveApp } from "./support/httpServer.js"
import { overPeers } from "./support/peers.js"

class TooHot extends Schema.TaggedError<TooHot>()(
  "TooHot",
  { degrees: Schema.Number },
  HttpApiSchema.annotations({ status: 422 })
) {}

class Tea extends Schema.Class<Tea>("Tea")({ id: Schema.Number, name: Schema.String, at: Schema.Date }) {}

class Api extends HttpApi.make("api").add(
  HttpApiGroup.make("teas")
    .add(
      HttpApiEndpoint.get("find", "/teas/:id")
        .setPath(Schema.Struct({ id: Schema.NumberFromString }))
        .addSuccess(Tea)
        .addError(HttpApiError.NotFound)
    )
    .add(
      HttpApiEndpoint.get("search", "/teas")
        .setUrlParams(Schema.Struct({ name: Schema.String, limit: Schema.optional(Schema.NumberFromString) }))
        .setHeaders(Schema.Struct({ "x-page": Schema.NumberFromString }))
        .addSuccess(Schema.Array(Schema.String))
    )
    .add(
      HttpApiEndpoint.post("brew", "/teas")
        .setPayload(Schema.Struct({ name: Schema.String, degrees: Schema.Number }))
        .addSuccess(Tea, { status: 201 })
        .addError(TooHot)
    )
    .add(HttpApiEndpoint.del("pour", "/teas/:id").setPath(Schema.Struct({ id: Schema.NumberFromString })))
    .add(HttpApiEndpoint.get("label", "/label").addSuccess(HttpApiSchema.Text()))
    .add(HttpApiEndpoint.get("leaf", "/leaf").addSuccess(HttpApiSchema.Uint8Array()))
) {}

const at = new Date(86_400_000)

const Teas = HttpApiBuilder.group(Api, "teas", (handlers) =>
  handlers
    .handle("find", ({ path }) =>
      path.id === 1 ? Effect.succeed(new Tea({ id: 1, name: "sencha", at })) : Effect.fail(new HttpApiError.NotFound())
    )
    .handle("search", ({ headers, urlParams }) =>
      Effect.succeed([urlParams.name, String(urlParams.limit), String(headers["x-page"])])
    )
    .handle("brew", ({ payload }) =>
      payload.degrees > 100
        ? Effect.fail(new TooHot({ degrees: payload.degrees }))
        : Effect.succeed(new Tea({ id: 2, name: payload.name, at }))
    )
    .handle("pour", () => Effect.void)
    .handle("label", () => Effect.succeed("text \u00e9"))
    .handle("leaf", () => Effect.succeed(Uint8Array.of(1, 2, 255)))
)

const app = HttpApiBuilder.serve().pipe(Layer.provide(Layer.provide(HttpApiBuilder.api(Api), Teas)))

const client = Effect.flatMap(serveApp(app), (baseUrl) => HttpApiClient.make(Api, { baseUrl }))

overPeers("HttpApiClient", (behaves) => {
  behaves(
    "path parameters and a decoded success",
    Effect.gen(function* () {
      const { teas } = yield* client
      const tea = yield* teas.find({ path: { id: 1 } })
      assert.instanceOf(tea, Tea)
      assert.strictEqual(tea.at.getTime(), at.getTime())
    })
  )

  behaves(
    "a declared error without a payload",
    Effect.gen(function* () {
      const { teas } = yield* client
      assert.instanceOf(yield* Effect.flip(teas.find({ path: { id: 2 } })), HttpApiError.NotFound)
    })
  )

  behaves(
    "query and headers",
    Effect.gen(function* () {
      const { teas } = yield* client
      const found = yield* teas.search({ urlParams: { name: "a b&c", limit: 5 }, headers: { "x-page": 7 } })
      assert.deepStrictEqual(found, ["a b&c", "5", "7"])
    })
  )

  behaves(
    "a payload, and a declared error with one",
    Effect.gen(function* () {
      const { teas } = yield* client
      assert.strictEqual((yield* teas.brew({ payload: { name: "hojicha", degrees: 90 } })).name, "hojicha")
      const error = yield* Effect.flip(teas.brew({ payload: { name: "ash", degrees: 400 } }))
      assert.instanceOf(error, TooHot)
      assert.strictEqual(error.degrees, 400)
    })
  )

  behaves(
    "void endpoints, many times over: an unread body holds nothing up",
    Effect.gen(function* () {
      const { teas } = yield* client
      for (let i = 0; i < 50; i++) assert.isUndefined(yield* teas.pour({ path: { id: i } }))
    })
  )

  behaves(
    "text and bytes",
    Effect.gen(function* () {
      const { teas } = yield* client
      assert.strictEqual(yield* teas.label({}), "text \u00e9")
      assert.deepStrictEqual([...(yield* teas.leaf({}))], [1, 2, 255])
    })
  )

  behaves(
    "many calls at once",
    Effect.gen(function* () {
      const { teas } = yield* client
      const names = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => `tea ${i}`),
        (name) => Effect.map(teas.brew({ payload: { name, degrees: 80 } }), (tea) => tea.name),
        { concurrency: 20 }
      )
      assert.deepStrictEqual(
        names,
        Array.from({ length: 100 }, (_, i) => `tea ${i}`)
      )
    })
  )
})
