/**
 * Redirects by RFC 9110 section 15.4.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import type { Mutable } from "effect/Types"
import * as OneShot from "./oneShot.js"
import { partsOf } from "./platformInternals.js"
import * as RequestBody from "./requestBody.js"
import { PooledResponse } from "./response.js"
import { isSecret, type SecretNames } from "./secretNames.js"

type Client<E, R> = HttpClient.HttpClient.With<E, R>
type Request = HttpClientRequest.HttpClientRequest

/** What RFC 9110 section 15.4 (step 2) calls specific to an origin, a resource or a proxy, beside what is secret. */
const ofOrigin = new Set(["host", "origin", "referer", "cookie2", "proxy-authenticate", "www-authenticate"])

/** What belongs to a body, with all `content-*` (step 5). */
const ofBody = new Set(["digest", "repr-digest", "last-modified", "expect", "trailer"])

export const followRedirects: {
  (maxRedirects?: number): <E, R>(self: Client<E, R>) => Client<E, R>
  <E, R>(self: Client<E, R>, maxRedirects?: number): Client<E, R>
} = dual(
  (args) => Predicate.hasProperty(args[0], HttpClient.TypeId),
  <E, R>(self: Client<E, R>, maxRedirects = 10): Client<E, R> => {
    const { postprocess, preprocess } = partsOf(self)
    // What the program does to its requests (a base URL, a token) it has done to the first, for the origin of the first.
    return HttpClient.makeWith<E, R, E, R>(
      (prepared) =>
        Effect.flatMap(prepared, (first) => {
          const send = (request: Request, atHome: boolean, seen: ReadonlyArray<string>): Answered<E, R> =>
            Effect.flatMap(postprocess(Effect.succeed(request)), (response) => {
              const hop = seen.length < maxRedirects ? hopOf(request, response) : undefined
              if (hop === undefined || seen.includes(hop.id)) return Effect.succeed(response)
              if (response instanceof PooledResponse) response.body.abandon("its redirect was followed", false)
              const home = atHome && hop.sameOrigin
              const next = Effect.map(FiberRef.get(Headers.currentRedactedNames), (named) =>
                hop.sameOrigin ? hop.request : leaving(hop.request, named)
              )
              const ready =
                home && "set-cookie" in response.headers ? Effect.zipWith(next, prepared, withCookies) : next
              return Effect.flatMap(ready, (request) => send(request, home, [...seen, hop.id]))
            })
          return send(first, true, [])
        }),
      preprocess
    )
  }
)

type Answered<E, R> = Effect.Effect<HttpClientResponse, E, R>

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

interface Hop {
  readonly request: Request
  readonly sameOrigin: boolean
  /** Method and URL, to know a loop by. */
  readonly id: string
}

const statuses = new Set([301, 302, 303, 307, 308])

const hopOf = (request: Request, response: HttpClientResponse): Hop | undefined => {
  const location = response.headers["location"]
  if (!statuses.has(response.status) || location === undefined) return undefined
  const from = UrlParams.makeUrl(request.url, request.urlParams, request.hash)
  if (from._tag === "Left") return undefined
  let to: URL
  try {
    to = new URL(location, from.right)
  } catch {
    return undefined
  }
  // RFC 9110 section 10.2.2: a fragment goes along unless the location has one of its own.
  if (to.hash === "") to.hash = from.right.hash
  if (to.protocol !== "http:" && to.protocol !== "https:") return undefined
  const sameOrigin = to.origin === from.right.origin
  // User info in a location would be a way to make this client present credentials of the peer's choice; the caller's
  // own are, like a header's, for their origin.
  to.username = sameOrigin ? from.right.username : ""
  to.password = sameOrigin ? from.right.password : ""
  let next = HttpClientRequest.setUrl(request, to)
  const becomesGet =
    response.status === 303
      ? request.method !== "GET" && request.method !== "HEAD"
      : (response.status === 301 || response.status === 302) && request.method === "POST"
  if (becomesGet) {
    next = HttpClientRequest.setBody(HttpClientRequest.setMethod(next, "GET"), HttpBody.empty)
    next = without(next, (name) => name.startsWith("content-") || ofBody.has(name))
  } else if (isSpent(request)) {
    return undefined
  }
  return { request: next, sameOrigin, id: `${next.method} ${to.origin}${to.pathname}${to.search}` }
}

/** Whether the body was read once and nothing says that it can be read again: the rule of retries holds here too. */
const isSpent = (request: Request): boolean => {
  const body = RequestBody.prepare(request)
  return !(body instanceof Error) && body._tag === "Stream" && !body.repeatable
}

/** The request without the headers whose name, in lower case, is one of these. */
const without = (request: Request, isOne: (name: string) => boolean): Request => {
  const names = Object.keys(request.headers).filter((name) => isOne(name.toLowerCase()))
  const next: Mutable<Request> = HttpClientRequest.setHeaders(request, {})
  for (const name of names) delete (next.headers as Record<string, string>)[name]
  return next
}
