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
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as RequestBody from "./requestBody.js"
import { PooledResponse } from "./response.js"

type Client<E, R> = HttpClient.HttpClient.With<E, R>

/** What must not reach another origin. */
const credentials = ["authorization", "cookie", "proxy-authorization", "host"]

/** What belongs to a body. */
const ofBody = ["content-type", "content-length", "content-encoding", "content-language", "content-location", "expect"]

export const followRedirects: {
  (maxRedirects?: number): <E, R>(self: Client<E, R>) => Client<E, R>
  <E, R>(self: Client<E, R>, maxRedirects?: number): Client<E, R>
} = dual(
  (args) => Predicate.hasProperty(args[0], HttpClient.TypeId),
  <E, R>(self: Client<E, R>, maxRedirects = 10): Client<E, R> =>
    HttpClient.transform(self, (first, request) => {
      const follow = (
        answer: Effect.Effect<HttpClientResponse, E, R>,
        request: HttpClientRequest.HttpClientRequest,
        seen: ReadonlyArray<string>
      ): Effect.Effect<HttpClientResponse, E, R> =>
        Effect.flatMap(answer, (response) => {
          if (seen.length >= maxRedirects) return Effect.succeed(response)
          const next = redirected(request, response)
          const id = next === undefined ? "" : `${next.method} ${next.url}`
          if (next === undefined || seen.includes(id)) return Effect.succeed(response)
          if (response instanceof PooledResponse) response.body.abandon("its redirect was followed", false)
          return follow(self.execute(next), next, [...seen, id])
        })
      return follow(first, request, [])
    })
)

const statuses = new Set([301, 302, 303, 307, 308])

const redirected = (
  request: HttpClientRequest.HttpClientRequest,
  response: HttpClientResponse
): HttpClientRequest.HttpClientRequest | undefined => {
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
    next = without(next, ofBody)
  } else if (isSpent(request)) {
    return undefined
  }
  return sameOrigin ? next : without(next, credentials)
}

/** Whether the body was read once and nothing says that it can be read again: the rule of retries holds here too. */
const isSpent = (request: HttpClientRequest.HttpClientRequest): boolean => {
  const body = RequestBody.prepare(request)
  return !(body instanceof Error) && body._tag === "Stream" && !body.repeatable
}

const without = (
  request: HttpClientRequest.HttpClientRequest,
  names: ReadonlyArray<string>
): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.modify(HttpClientRequest.setHeaders(request, {}), {}).pipe((self) =>
    Object.assign(Object.create(Object.getPrototypeOf(self)), self, { headers: Headers.remove(self.headers, names) })
  )
