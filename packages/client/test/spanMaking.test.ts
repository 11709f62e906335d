/** The client makes its spans by hand: what a tracer is asked for must be what `Effect.makeSpan` asks it for. */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { clientLayer, get } from "./support.js"

type Asked = Parameters<Tracer.Tracer["span"]>

/** A tracer that remembers what it was asked for, and the attributes that were set before the client's own. */
const recording = () => {
  const asked: Array<Asked> = []
  const annotated: Array<Record<string, unknown>> = []
  const tracer = Tracer.make({
    span: (...args) => {
      asked.push(args)
      const span = spanOf(...args)
      const attributes: Record<string, unknown> = {}
      annotated.push(attributes)
      const set = span.attribute.bind(span)
      span.attribute = (key, value) => {
        if (key.startsWith("note.")) attributes[key] = value
        set(key, value)
      }
      return span
    },
    context: (f) => f()
  })
  return { annotated, asked, tracer }
}

const spanOf = (...[name, parent, context, links, startTime, kind]: Asked): Tracer.Span => {
  const attributes = new Map<string, unknown>()
  return {
    _tag: "Span",
    spanId: "1234567890abcdef",
    traceId: "1234567890abcdef1234567890abcdef",
    sampled: true,
    name,
    parent,
    context,
    links,
    kind,
    attributes,
    status: { _tag: "Started", startTime },
    end: () => {},
    attribute: (key, value) => attributes.set(key, value),
    event: () => {},
    addLinks: () => {}
  }
}

const external = (spanId: string, silent = false): Tracer.ExternalSpan =>
  Tracer.externalSpan({
    spanId,
    traceId: "fedcba0987654321fedcba0987654321",
    context: silent ? Context.make(Tracer.DisablePropagation, true) : Context.empty()
  })

const surroundings: ReadonlyArray<readonly [string, <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>]> = [
  ["nothing", (effect) => effect],
  ["annotations", (effect) => Effect.annotateSpans(effect, { "note.a": 1, "note.b": "two" })],
  ["links", (effect) => Effect.linkSpans(effect, external("aaaaaaaaaaaaaaaa"))],
  ["no timing", (effect) => Effect.withTracerTiming(effect, false)],
  ["a span", (effect) => Effect.withSpan(effect, "outer", { captureStackTrace: false })],
  ["a span of another process", (effect) => Effect.withParentSpan(effect, external("bbbbbbbbbbbbbbbb"))],
  ["a span that takes no children", (effect) => Effect.withParentSpan(effect, external("bbbbbbbbbbbbbbbb", true))],
  [
    "a span that takes no children inside one that does",
    (effect) =>
      Effect.withSpan(effect, "inner", {
        captureStackTrace: false,
        context: Context.make(Tracer.DisablePropagation, true)
      }).pipe(Effect.withSpan("outer", { captureStackTrace: false }))
  ]
]

describe("the span of a request", () => {
  for (const [what, within] of surroundings) {
    it.effect(`is asked for as Effect.makeSpan would: ${what} around it`, () =>
      Effect.gen(function* () {
        const byHand = recording()
        const byEffect = recording()
        const client = yield* HttpClient.HttpClient
        yield* Effect.withTracer(within(Effect.orDie(client.execute(get()))), byHand.tracer)
        const span = Effect.makeSpan("http.client GET", { kind: "client", captureStackTrace: false })
        yield* Effect.withTracer(within(span), byEffect.tracer)
        const [ours, theirs] = [byHand.asked.at(-1)!, byEffect.asked.at(-1)!]
        // A parent that was made anew for each is the same but for itself.
        const shown = ([name, parent, context, links, startTime, kind, options]: Asked) => ({
          name,
          parent: parent._tag === "Some" ? [parent.value._tag, parent.value.spanId] : undefined,
          context: [...context.unsafeMap],
          links: links.map((link) => link.span.spanId),
          startTime: startTime === BigInt(0) ? "none" : typeof startTime,
          kind,
          options
        })
        assert.deepStrictEqual(shown(ours), shown(theirs))
        assert.deepStrictEqual(byHand.annotated.at(-1), byEffect.annotated.at(-1))
      }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("x")))))
    )
  }
})
