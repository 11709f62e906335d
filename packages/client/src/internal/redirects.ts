/**
 * Redirects by RFC 9110 section 15.4.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type { ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Options from "@hotaru/pool/Options"
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import type { Mutable } from "effect/Types"
import { BodyNotRepeatable, type Redirect, type RedirectOptions, TooManyRedirects } from "../Redirect.js"
import * as Location from "./location.js"
import * as OneShot from "./oneShot.js"
import { partsOf } from "./platformInternals.js"
import { printable } from "./printable.js"
import { PooledResponse } from "./response.js"
import { isSecret, type SecretNames } from "./secretNames.js"
import { type Secrets, SecretsInForce, defaults as usual } from "./secrets.js"
import { responseError } from "./translate.js"

type Client<E, R> = HttpClient.HttpClient.With<E, R>
type Request = HttpClientRequest.HttpClientRequest

/** What RFC 9110 section 15.4 (step 2) calls specific to an origin, a resource or a proxy, beside what is secret. */
const ofOrigin = new Set(["host", "origin", "referer", "cookie2", "proxy-authenticate", "www-authenticate"])

/** What belongs to a body, with all `content-*` (step 5). */
const ofBody = new Set(["digest", "repr-digest", "last-modified", "expect", "trailer"])

export const followRedirects: {
  (options?: number | RedirectOptions): <E, R>(self: Client<E, R>) => Client<E | ResponseError, R>
  <E, R>(self: Client<E, R>, options?: number | RedirectOptions): Client<E | ResponseError, R>
} = dual(
  (args) => Predicate.hasProperty(args[0], HttpClient.TypeId),
  <E, R>(self: Client<E, R>, options?: number | RedirectOptions): Client<E | ResponseError, R> => {
    const rules = read(options)
    const { postprocess, preprocess } = partsOf(self)
    // What the program does to its requests (a base URL, a token) it has done to the first, for the origin of the first.
    return HttpClient.makeWith<E, R, E | ResponseError, R>(
      (prepared) =>
        Effect.flatMap(prepared, (first) => {
          const send = (request: Request, atHome: boolean, history: History): Answered<E | ResponseError, R> =>
            Effect.flatMap(postprocess(Effect.succeed(request)), (response) => {
              const hop = hopOf(request, response)
              if (hop === undefined) return Effect.succeed(ended(response, history))
              return Effect.withFiberRuntime<HttpClientResponse, E | ResponseError, R>((fiber) => {
                const secrets = response instanceof PooledResponse ? response.secrets : elsewhere.of(fiber)
                const stopped = stop(rules, { request, response, hop, history, secrets })
                if (stopped !== undefined) return stopped
                settle(response, "its redirect was followed")
                const named = fiber.getFiberRef(Headers.currentRedactedNames)
                const next = Effect.succeed(hop.sameOrigin ? hop.request : leaving(hop.request, named))
                const home = atHome && hop.sameOrigin
                const ready =
                  home && "set-cookie" in response.headers ? Effect.zipWith(next, prepared, withCookies) : next
                const met = [...history, redirectOf(request, response, secrets)]
                return Effect.flatMap(ready, (request) => send(request, home, met))
              })
            })
          return send(first, true, [])
        }),
      preprocess
    )
  }
)

type Answered<E, R> = Effect.Effect<HttpClientResponse, E, R>
type History = ReadonlyArray<Redirect>
type Rules = { readonly [Option in keyof RedirectOptions]-?: NonNullable<RedirectOptions[Option]> }

const defaults: Rules = { maxRedirects: 10, atLimit: "fail" }

const read = (options: number | RedirectOptions = {}): Rules => {
  const given: RedirectOptions = typeof options === "number" ? { maxRedirects: options } : options
  Options.check(given, { at: "followRedirects", names: Object.keys(defaults) })
  const { atLimit = defaults.atLimit, maxRedirects = defaults.maxRedirects } = given
  if (!Number.isInteger(maxRedirects) || maxRedirects < 0) {
    throw new InvalidPoolConfig({ field: "maxRedirects", value: maxRedirects, expected: "a whole number of 0 or more" })
  }
  if (atLimit !== "fail" && atLimit !== "respond") {
    throw new InvalidPoolConfig({ field: "atLimit", value: atLimit, expected: '"fail" or "respond"' })
  }
  return { maxRedirects, atLimit }
}

/** What is secret to a client that is not ours. */
const elsewhere = new SecretsInForce(usual)

/** The redirects before a response, by the response that was handed out. */
const histories = new WeakMap<HttpClientResponse, History>()

export const historyOf = (response: HttpClientResponse): History => histories.get(response) ?? []

const ended = (response: HttpClientResponse, history: History): HttpClientResponse => {
  if (history.length > 0) histories.set(response, history)
  return response
}

const redirectOf = (request: Request, response: HttpClientResponse, secrets: Secrets): Redirect => ({
  status: response.status,
  method: request.method,
  url: Location.shown(request, secrets)
})

const settle = (response: HttpClientResponse, reason: string): void => {
  if (response instanceof PooledResponse) response.body.abandon(reason, false)
}

interface Crossing {
  readonly request: Request
  readonly response: HttpClientResponse
  readonly hop: Hop
  /** The redirects before this one. */
  readonly history: History
  readonly secrets: Secrets
}

/** How the way ends here; undefined if it goes on. */
const stop = (rules: Rules, crossing: Crossing): Answered<ResponseError, never> | undefined => {
  const { history, hop, request, response, secrets } = crossing
  const isLast = history.length >= rules.maxRedirects
  if (isLast && rules.atLimit === "respond") return Effect.succeed(ended(response, history))
  const met = [...history, redirectOf(request, response, secrets)]
  const { status } = response
  const cause = isLast
    ? new TooManyRedirects({ fault: "peer", safeToRetry: false, maxRedirects: rules.maxRedirects, history: met })
    : hop.request.body === request.body && OneShot.isReadOnce(request.body)
      ? new BodyNotRepeatable({
          fault: "caller",
          safeToRetry: false,
          status,
          location: Location.shown(hop.request, secrets),
          history: met
        })
      : undefined
  if (cause === undefined) return undefined
  settle(response, "its redirect was not followed")
  return Effect.fail(responseError(response, cause, "StatusCode", printable(response.request, secrets)))
}

/**
 * The answer may have set cookies, and `HttpClient.withCookiesRef` writes them into a request that is prepared anew: as
 * long as the first request's origin was never left, that is the one they are for.
 */
const withCookies = (next: Request, anew: Request): Request => {
  if (anew.body !== next.body) OneShot.discardBody(anew)
  const cookie = anew.headers["cookie"]
  return cookie === undefined ? next : HttpClientRequest.setHeader(next, "cookie", cookie)
}

/** On the way to another origin: once left behind, a header does not come back. */
const leaving = (request: Request, named: SecretNames): Request =>
  without(request, (name) => ofOrigin.has(name) || isSecret(name, named))

type Hop = Location.Resolved

const statuses = new Set([301, 302, 303, 307, 308])

const hopOf = (request: Request, response: HttpClientResponse): Hop | undefined => {
  if (!statuses.has(response.status)) return undefined
  const reference = Location.referenceOf(response)
  const hop = reference === undefined ? undefined : Location.resolve(request, reference)
  if (hop === undefined) return undefined
  const becomesGet =
    response.status === 303
      ? request.method !== "GET" && request.method !== "HEAD"
      : (response.status === 301 || response.status === 302) && request.method === "POST"
  if (!becomesGet) return hop
  const get = HttpClientRequest.setBody(HttpClientRequest.setMethod(hop.request, "GET"), HttpBody.empty)
  return { ...hop, request: without(get, (name) => name.startsWith("content-") || ofBody.has(name)) }
}

/** The request without the headers whose name, in lower case, is one of these. */
const without = (request: Request, isOne: (name: string) => boolean): Request => {
  const names = Object.keys(request.headers).filter((name) => isOne(name.toLowerCase()))
  const next: Mutable<Request> = HttpClientRequest.setHeaders(request, {})
  for (const name of names) delete (next.headers as Record<string, string>)[name]
  return next
}
