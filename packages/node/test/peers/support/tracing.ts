/** A tracer that remembers its spans. */
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

export class SeenSpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly traceId: string
  readonly sampled = true
  readonly attributes = new Map<string, unknown>()
  readonly events: Array<string> = []
  status: Tracer.SpanStatus
  ends = 0

  constructor(
    readonly name: string,
    readonly spanId: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly context: Context.Context<never>,
    readonly links: ReadonlyArray<Tracer.SpanLink>,
    startTime: bigint,
    readonly kind: Tracer.SpanKind
  ) {
    this.status = { _tag: "Started", startTime }
    this.traceId = parent._tag === "Some" ? parent.value.traceId : "0af7651916cd43dd8448eb211c80319c"
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.ends++
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
  }

  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }

  event(name: string): void {
    this.events.push(name)
  }

  addLinks(): void {}

  get exit(): Exit.Exit<unknown, unknown> {
    if (this.status._tag === "Started") throw new Error(`span ${this.name} has not ended`)
    return this.status.exit
  }
}

export const remembering = () => {
  const spans: Array<SeenSpan> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const id = (spans.length + 1).toString(16).padStart(16, "0")
      const span = new SeenSpan(name, id, parent, context, links, startTime, kind)
      spans.push(span)
      return span
    },
    context: (f) => f()
  })
  const clientSpans = () => spans.filter((span) => span.kind === "client")
  return {
    tracer,
    spans,
    clientSpans,
    /** The one client span. */
    get only(): SeenSpan {
      const found = clientSpans()
      if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} client spans instead of one`)
      return found[0]
    }
  }
}
