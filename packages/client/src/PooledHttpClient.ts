/**
 * The `HttpClient` of `@effect/platform` on a connection pool. Every combinator of the platform works on it.
 *
 * @since 0.1.0
 */

import type * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type { ResponseError } from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import { ConnectionPool } from "@hotaru/pool/ConnectionPool"
import * as Options from "@hotaru/pool/Options"
import * as SharedLayer from "@hotaru/pool/SharedLayer"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Safety from "./HttpSafety.js"
import * as BodyStream from "./internal/bodyStream.js"
import { Executor } from "./internal/execute.js"
import { joinFields } from "./internal/fields.js"
import * as Redirects from "./internal/redirects.js"
import { PooledResponse } from "./internal/response.js"
import * as SafeToRetry from "./internal/safeToRetry.js"
import * as internalSafety from "./internal/safety.js"
import * as Secrets from "./internal/secrets.js"
import type { Redirect, RedirectOptions } from "./Redirect.js"
import * as SecretParams_ from "./SecretParams.js"
import * as Target_ from "./Target.js"

/**
 * What a client can be given.
 *
 * @since 0.1.0
 * @category models
 */
export interface PooledHttpClientOptions {
  /** Limits for every request of this client, merged over the defaults. */
  readonly safety?: Partial<Safety.HttpSafety> | undefined
  /**
   * Parameters of URLs whose values are shown nowhere, in place of `SecretParams.defaults`. A list that is in force around
   * a call takes the place of this one.
   */
  readonly secretParams?: SecretParams_.SecretParams | undefined
}

/**
 * A client on the pool in the context, with limits of its own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeWith = (
  options?: PooledHttpClientOptions
): Effect.Effect<HttpClient.HttpClient, never, ConnectionPool> =>
  Effect.map(Effect.zip(ConnectionPool, Effect.runtime<never>()), ([pool, runtime]) => {
    if (options !== undefined) Options.check(options, { at: "", names: ["safety", "secretParams"] })
    const secretParams = options?.secretParams ?? SecretParams_.defaults
    Secrets.validate(secretParams)
    const executor = new Executor(
      pool,
      new internalSafety.Safety(options?.safety ?? {}),
      runtime,
      new Secrets.SecretsInForce(secretParams)
    )
    return HttpClient.makeWith(
      (request: Effect.Effect<HttpClientRequest.HttpClientRequest>) =>
        // As it is unless somebody maps requests; one step of the fiber less.
        isSuccess(request) ? executor.execute(request.value) : Effect.flatMap(request, executor.execute),
      Effect.succeed as HttpClient.HttpClient.Preprocess<never, never>
    )
  })

const isSuccess = <A>(effect: Effect.Effect<A>): effect is Exit.Success<A, never> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)

/**
 * A client on the pool in the context.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<HttpClient.HttpClient, never, ConnectionPool> = makeWith()

/**
 * The client as a layer, over a pool: one client for each pool it is provided with.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<HttpClient.HttpClient, never, ConnectionPool> = SharedLayer.by([ConnectionPool], () =>
  Layer.effect(HttpClient.HttpClient, make)
)

/**
 * The client as a layer, with limits of its own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = (
  options?: PooledHttpClientOptions
): Layer.Layer<HttpClient.HttpClient, never, ConnectionPool> =>
  options === undefined
    ? layer
    : SharedLayer.by([ConnectionPool], () => Layer.effect(HttpClient.HttpClient, makeWith(options)))

/**
 * The same client with some limits changed and the others as they are in force around each call.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withLimits: {
  (
    limits: Partial<Safety.HttpSafety>
  ): <E, R>(self: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R>
  <E, R>(self: HttpClient.HttpClient.With<E, R>, limits: Partial<Safety.HttpSafety>): HttpClient.HttpClient.With<E, R>
} = dual(
  2,
  <E, R>(
    self: HttpClient.HttpClient.With<E, R>,
    limits: Partial<Safety.HttpSafety>
  ): HttpClient.HttpClient.With<E, R> => HttpClient.transformResponse(self, Safety.withLimits(limits))
)

/**
 * Where a call's connections go to and come from, beyond what its URL says.
 *
 * @since 0.1.0
 * @category models
 */
export type Target = Target_.Target

/**
 * The target in force around a call.
 *
 * @since 0.1.0
 * @category references
 */
export const Target = Target_.Target

/**
 * The same client with all its connections going to one target.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withTarget: {
  (target: Target): <E, R>(self: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R>
  <E, R>(self: HttpClient.HttpClient.With<E, R>, target: Target): HttpClient.HttpClient.With<E, R>
} = dual(
  2,
  <E, R>(self: HttpClient.HttpClient.With<E, R>, target: Target): HttpClient.HttpClient.With<E, R> =>
    HttpClient.transformResponse(self, Effect.provideService(Target_.Target, target))
)

/**
 * The same client with a list of its own of secret parameters, in place of the one in force.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSecretParams: {
  (
    secretParams: SecretParams_.SecretParams
  ): <E, R>(self: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R>
  <E, R>(
    self: HttpClient.HttpClient.With<E, R>,
    secretParams: SecretParams_.SecretParams
  ): HttpClient.HttpClient.With<E, R>
} = dual(
  2,
  <E, R>(
    self: HttpClient.HttpClient.With<E, R>,
    secretParams: SecretParams_.SecretParams
  ): HttpClient.HttpClient.With<E, R> => {
    Secrets.validate(secretParams)
    return HttpClient.transformResponse(self, Effect.provideService(SecretParams_.SecretParams, secretParams))
  }
)

/**
 * Follows redirects as RFC 9110 section 15.4 has it: 303 becomes a GET without a body, and so does a POST that met 301
 * or 302; each answer's body is settled before the next request. `Location` is asked for as it is written: a signed link
 * stays signed. Several lines of `Location` that differ, one that leads nowhere and one that is not `http:` or `https:` hand
 * out the answer as it is.
 *
 * At most `maxRedirects` (10) are followed, also from a URL to itself. One more fails with a `ResponseError` whose cause is
 * `Redirect.TooManyRedirects`, or is handed out (`atLimit: "respond"`). With 307 and 308 the body is sent again: a stream of
 * Effect's is run again; with a `Readable`, a `ReadableStream` or an iterator the request fails with
 * `Redirect.BodyNotRepeatable`. {@link redirects} tells the way to a response.
 *
 * When the origin (scheme, host, port) changes, these stay behind, and do not come back on the way back: `Authorization`,
 * `Proxy-Authorization`, cookies, `x-api-key` and what else is in `Headers.currentRedactedNames` where the request is
 * executed (strings and patterns, in any case), the URL's user info, and `Host`, `Origin`, `Referer`. The body of a 307 or
 * 308 goes along, and a `Target` stays in force: a client certificate in it is shown to another origin that asks for one.
 *
 * What `HttpClient.mapRequest` and its like do to requests of the client given, they do to the first one only, as with the
 * platform's. Cookies of an `HttpClient.withCookiesRef` that an answer sets go along within the first request's origin: to
 * learn them, the first request is prepared once more, effects of `mapRequestEffect` included, and its cookies are taken.
 *
 * The platform's own `HttpClient.followRedirects` works on this client too; it sends `Authorization` to whatever host
 * `location` names, and encodes queries anew.
 *
 * @since 0.1.0
 * @category combinators
 */
export const followRedirects: {
  (
    options?: number | RedirectOptions
  ): <E, R>(self: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E | ResponseError, R>
  <E, R>(
    self: HttpClient.HttpClient.With<E, R>,
    options?: number | RedirectOptions
  ): HttpClient.HttpClient.With<E | ResponseError, R>
} = Redirects.followRedirects

/**
 * The redirects on the way to a response that {@link followRedirects} handed out, in order; none if it was the first.
 *
 * @since 0.1.0
 * @category getters
 */
export const redirects = (response: HttpClientResponse): ReadonlyArray<Redirect> => Redirects.historyOf(response)

/**
 * Whether a request that failed so can be sent again without being carried out twice. One whose body is a `Readable` or a
 * `ReadableStream` never can: a request that fails closes it, begun or not.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { PooledHttpClient } from "@hotaru/client"
 *
 * const persistent = HttpClient.retry({ while: PooledHttpClient.isSafeToRetry, times: 3 })
 * ```
 *
 * @since 0.1.0
 * @category predicates
 */
export const isSafeToRetry = (error: unknown): boolean => SafeToRetry.isSafeToRetry(error)

/**
 * What carried a response.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionInfo {
  /** Unique among the connections of a process. */
  readonly id: number
  /** Whether the connection had carried a request before. */
  readonly reused: boolean
  /** How many requests it had carried before. */
  readonly requestCount: number
  /** Since it was opened, when this request got it. */
  readonly age: Duration.Duration
  /** How long it had been idle then. */
  readonly idle: Duration.Duration
  /** How long this request had waited for it. */
  readonly waited: Duration.Duration
}

/**
 * The connection behind a response of this client; none for a response of another client.
 *
 * @since 0.1.0
 * @category getters
 */
export const connectionInfo = (response: HttpClientResponse): Option.Option<ConnectionInfo> =>
  Option.map(ours(response), ({ lease }) => ({
    id: lease.connection.id,
    reused: lease.reused,
    requestCount: lease.requestCount,
    age: lease.age,
    idle: lease.idle,
    waited: lease.waited
  }))

/**
 * The header fields as they were sent: names and their case, order and repetitions. For a response of another client,
 * its joined headers.
 *
 * @since 0.1.0
 * @category getters
 */
export const rawHeaders = (response: HttpClientResponse): ReadonlyArray<readonly [name: string, value: string]> => {
  const mine = ours(response)
  if (mine._tag === "None") return Object.entries(response.headers)
  const raw = mine.value.head.rawHeaders
  const pairs: Array<readonly [string, string]> = []
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i]!, raw[i + 1]!])
  return pairs
}

/**
 * The fields after a chunked body. There are none before the body was read to its end.
 *
 * @since 0.1.0
 * @category getters
 */
export const trailers = (response: HttpClientResponse): Headers.Headers => {
  const mine = ours(response)
  return joinFields(mine._tag === "None" ? [] : mine.value.body.trailers)
}

/**
 * Calls a function with each piece of the body as it comes, at a fraction of a `Stream`'s cost and with the same limits
 * and back-pressure. If the function answers an effect, the next piece waits for it. Pieces are never written to again.
 *
 * @since 0.1.0
 * @category accessors
 */
export const forEachChunk: {
  <E = never, R = never>(
    f: (chunk: Uint8Array) => void | Effect.Effect<unknown, E, R>
  ): (response: HttpClientResponse) => Effect.Effect<void, ResponseError | E, R>
  <E = never, R = never>(
    response: HttpClientResponse,
    f: (chunk: Uint8Array) => void | Effect.Effect<unknown, E, R>
  ): Effect.Effect<void, ResponseError | E, R>
} = dual(
  2,
  <E, R>(
    response: HttpClientResponse,
    f: (chunk: Uint8Array) => void | Effect.Effect<unknown, E, R>
  ): Effect.Effect<void, ResponseError | E, R> => BodyStream.forEachChunk(required(response, "forEachChunk"), f)
)

/**
 * The body a piece a call; `None` is its end. Interrupting a call that waits gives the body up. So do
 * `unreadBodyTimeout` (30 seconds) between two calls: nothing but the next call tells that its reader has not gone for
 * good. Whoever may stop between two calls does better under `HttpClient.withScope`, and whoever may take longer for a
 * piece sets a longer time.
 *
 * @since 0.1.0
 * @category accessors
 */
export const pull = (response: HttpClientResponse): Effect.Effect<Uint8Array, Option.Option<ResponseError>> =>
  BodyStream.pull(required(response, "pull"))

const ours = (response: HttpClientResponse): Option.Option<PooledResponse> =>
  response instanceof PooledResponse ? Option.some(response) : Option.none()

const required = (response: HttpClientResponse, what: string): PooledResponse => {
  if (response instanceof PooledResponse) return response
  throw new TypeError(`PooledHttpClient.${what} reads responses of a PooledHttpClient only`)
}
