/**
 * From the platform's request to its response: plan, exchange, translate. This takes the place of `HttpClient.make`
 * and keeps what can be observed of it.
 *
 * @internal
 */
import type { HttpClientError } from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as AsyncContexts from "@hotaru/pool/AsyncContexts"
import type { ConnectionPoolShape } from "@hotaru/pool/ConnectionPool"
import { InvalidUrl } from "@hotaru/pool/PoolError"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as RuntimeFlagsPatch from "effect/RuntimeFlagsPatch"
import * as Tracer from "effect/Tracer"
import { HttpSafety } from "../HttpSafety.js"
import { Target } from "../Target.js"
import * as Abandoned from "./abandoned.js"
import { Exchange } from "./exchange.js"
import * as OneShot from "./oneShot.js"
import * as Origin from "./origin.js"
import { takeScopeSignal } from "./platformInternals.js"
import type { Answer, Failure } from "./readerContract.js"
import * as RequestBody from "./requestBody.js"
import * as RequestHead from "./requestHead.js"
import { PooledResponse } from "./response.js"
import type { Safety } from "./safety.js"
import type { SecretsInForce } from "./secrets.js"
import * as Spans from "./spans.js"
import { requestError, responseError } from "./translate.js"

type RuntimeFiber = Fiber.RuntimeFiber<HttpClientResponse, HttpClientError>
type Request = HttpClientRequest.HttpClientRequest
type Executed = Effect.Effect<HttpClientResponse, HttpClientError>

export class Executor {
  private readonly origins: Origin.Origins

  constructor(
    private readonly pool: ConnectionPoolShape,
    private readonly safety: Safety,
    /** What reports run with that belong to no caller. */
    private readonly runtime: Runtime.Runtime<never>,
    /** What the caller calls secret is not printed of what it gets, even where no fiber can be asked. */
    private readonly secrets: SecretsInForce
  ) {
    this.origins = new Origin.Origins(pool.config, pool.unsafe.contexts.root)
  }

  /**
   * A mask, made by hand because the steps saved are a tenth of what a request costs the fiber: nothing here can be
   * interrupted but the wait. Before the mask nothing has happened that would have to be undone.
   */
  readonly execute = (request: Request): Executed =>
    OneShot.isGone(request) ? this.holding(request) : this.begin(request, undefined)

  /**
   * A body that holds something open is closed however its request fails: refused, interrupted before anything was done
   * for it, or by a program's own function that throws. Inside a mask, because outside of one an interruption passes over
   * the handlers of a failure.
   */
  private holding(request: Request): Executed {
    return Effect.uninterruptibleMask((restore) => {
      const held = new Held(request)
      return Effect.matchCauseEffect(restore(this.begin(request, held)), {
        onFailure: (cause) => {
          held.letGo()
          return Effect.failCause(cause)
        },
        onSuccess: Effect.succeed
      })
    })
  }

  private begin(request: Request, held: Held | undefined): Executed {
    return Effect.withFiberRuntime<HttpClientResponse, HttpClientError>((fiber, { runtimeFlags }) => {
      const scope = takeScopeSignal(request)
      const services = fiber.currentContext.unsafeMap
      const destination = Origin.resolve(this.origins, request, services.get(Target.key))
      if (destination instanceof InvalidUrl) {
        return Effect.fail(requestError(Origin.shownAs(request, destination.url), destination, this.secrets.of(fiber)))
      }
      const mask = RuntimeFlags.interruption(runtimeFlags)
      const executed = Spans.isDisabled(fiber, request)
        ? this.run(fiber, mask, destination, scope, held, undefined)
        : this.traced(fiber, mask, destination, scope, held)
      return mask ? Effect.withRuntimeFlagsPatch(executed, uninterruptible) : executed
    })
  }

  private traced(
    fiber: RuntimeFiber,
    mask: boolean,
    destination: Origin.Destination,
    scope: AbortSignal | undefined,
    held: Held | undefined
  ): Executed {
    // Not before the mask: a span that has begun must end.
    return Effect.suspend(() => {
      const span = Spans.make(fiber, destination.request)
      try {
        Spans.begin(fiber, span, destination, this.secrets.of(fiber))
        const propagated = { ...destination, request: Spans.propagate(fiber, span, destination.request) }
        return this.run(fiber, mask, propagated, scope, held, span)
      } catch (thrown) {
        // Limits or a host's options that make no sense, or a program's function that throws.
        return ended(fiber, span, Exit.die(thrown))
      }
    })
  }

  private run(
    fiber: RuntimeFiber,
    mask: boolean,
    destination: Origin.Destination,
    scope: AbortSignal | undefined,
    held: Held | undefined,
    span: Tracer.Span | undefined
  ): Executed {
    const { request } = destination
    const limits = this.safety.limits(fiber.currentContext.unsafeMap.get(HttpSafety.key))
    const body = RequestBody.prepare(request)
    if (held !== undefined && !(body instanceof Error)) held.body = body
    const plan = body instanceof Error ? body : RequestHead.plan(destination, body, limits)
    if (plan instanceof Error) {
      return ended(fiber, span, Exit.fail(requestError(request, plan, this.secrets.of(fiber))))
    }
    const refusal = this.pool.unsafe.refusal(destination.origin.key)
    if (refusal !== undefined) {
      return ended(fiber, span, Exit.fail(requestError(request, refusal, this.secrets.of(fiber))))
    }
    const exchange = new Exchange(
      this.pool.unsafe,
      plan,
      plan.body._tag === "Stream" ? runtimeOf(fiber, span) : undefined,
      scope,
      span ?? fiber.currentSpan,
      span === undefined ? undefined : new Spans.Retries(fiber, span)
    )
    const answer = Effect.async<Answer, Failure>((resume) => exchange.start(resume))
    return Effect.matchCauseEffect(mask ? Effect.withRuntimeFlagsPatch(answer, interruptible) : answer, {
      onSuccess: (answer) => {
        const response = new PooledResponse(request, answer, limits, this.secrets.of(fiber))
        if (span !== undefined) Spans.answered(fiber, span, response, response.secrets)
        if (answer.refused !== undefined) return ended(fiber, span, Exit.fail(responseError(response, answer.refused)))
        // With a scope somebody closes; without one the collector of garbage is the last to notice.
        if (scope === undefined && answer.body.isOpen) {
          const { body, lease } = answer
          Abandoned.watch(response, {
            runtime: this.runtime,
            exchange: new WeakRef(exchange),
            body: new WeakRef(body),
            key: lease.key,
            connectionId: lease.connection.id
          })
        }
        return ended(fiber, span, Exit.succeed(response))
      },
      onFailure: (cause) => {
        exchange.interrupt()
        const failed =
          cause._tag === "Fail"
            ? Exit.fail(requestError(request, cause.error, this.secrets.of(fiber)))
            : Exit.failCause(Cause.map(cause, (failure) => requestError(request, failure, this.secrets.of(fiber))))
        // An interruption came in the context of its author.
        return Cause.isInterrupted(cause)
          ? Effect.flatMap(AsyncContexts.enter(exchange.context), () => ended(fiber, span, failed))
          : ended(fiber, span, failed)
      }
    })
  }
}

/** What a request carries that holds something open, until its exchange has begun to read it. */
class Held {
  body: RequestBody.RequestBody | undefined = undefined

  constructor(private readonly request: Request) {}

  letGo(): void {
    if (this.body?._tag === "Stream" && this.body.discard !== undefined) this.body.discard()
    else OneShot.discardBody(this.request)
  }
}

const uninterruptible = RuntimeFlagsPatch.disable(RuntimeFlags.Interruption)
const interruptible = RuntimeFlagsPatch.enable(RuntimeFlags.Interruption)

const ended = (
  fiber: RuntimeFiber,
  span: Tracer.Span | undefined,
  exit: Exit.Exit<HttpClientResponse, HttpClientError>
): Executed => {
  if (span !== undefined) Spans.end(fiber, span, exit)
  // `Effect.fail` notes the user's span on the error, and with it where in the program it was opened.
  return exit._tag === "Failure" && exit.cause._tag === "Fail" ? Effect.fail(exit.cause.error) : exit
}

/** What the stream of a body runs with: everything that the caller has, inside the request's span. */
const runtimeOf = (fiber: RuntimeFiber, span: Tracer.Span | undefined): Runtime.Runtime<never> =>
  Runtime.make({
    context: span === undefined ? fiber.currentContext : Context.add(fiber.currentContext, Tracer.ParentSpan, span),
    fiberRefs: fiber.getFiberRefs(),
    runtimeFlags: Runtime.defaultRuntime.runtimeFlags
  })
