/**
 * Where a redirect leads (RFC 9110 section 10.2.2): the reference in `Location`, resolved as RFC 3986 section 5.2 has it.
 * A query goes to the peer as the peer wrote it: it may be signed.
 *
 * @internal
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import type { Mutable } from "effect/Types"
import { PooledResponse } from "./response.js"
import { valuesOf } from "./rules.js"
import { redactUrl, type Secrets } from "./secrets.js"
import * as WrittenQuery from "./writtenQuery.js"

type Request = HttpClientRequest.HttpClientRequest

/** The reference of a response that has one. Several lines that differ are none: there is no telling which is meant. */
export const referenceOf = (response: HttpClientResponse): string | undefined => {
  if (!(response instanceof PooledResponse)) return response.headers["location"]
  const [first, ...others] = valuesOf(response.head.rawHeaders, "location")
  return others.every((other) => other === first) ? first : undefined
}

export interface Resolved {
  /** The same request, to where the reference leads. */
  readonly request: Request
  readonly sameOrigin: boolean
}

/** Undefined if the reference is empty, no reference, or leads out of HTTP. */
export const resolve = (request: Request, reference: string): Resolved | undefined => {
  const written = inAscii(reference)
  const from = WrittenQuery.urlOf(request)
  if (written === "" || from === undefined || !URL.canParse(written, from.href)) return undefined
  const to = new URL(written, from)
  if (to.protocol !== "http:" && to.protocol !== "https:") return undefined
  const sameOrigin = to.origin === from.origin
  // User info in a location would be a way to make this client present credentials of the peer's choice; the caller's
  // own are, like a header's, for their origin.
  to.username = sameOrigin ? from.username : ""
  to.password = sameOrigin ? from.password : ""
  // RFC 9110 section 10.2.2: a fragment goes along unless the location has one of its own.
  if (to.hash === "") to.hash = from.hash
  const inherits = queryOf(written) === undefined && to.search !== ""
  const onlyFragment = written.startsWith("#")
  const query = inherits || onlyFragment ? sentQuery(request, from) : queryOf(written)
  to.search = ""
  return { request: toward(request, to, query), sameOrigin }
}

/**
 * Header fields are bytes, one a character. Those that are no ASCII are percent-encoded as they are, like curl has it: what
 * was UTF-8 is what browsers ask for, and what was not keeps its bytes.
 */
const inAscii = (reference: string): string =>
  reference
    .replace(/[\t\r\n]/g, "")
    .trim()
    .replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)

const queryOf = (reference: string): string | undefined => {
  const hash = reference.indexOf("#")
  const bare = hash === -1 ? reference : reference.slice(0, hash)
  const mark = bare.indexOf("?")
  return mark === -1 ? undefined : legal(bare.slice(mark + 1))
}

const encoder = new TextEncoder()

/** What no target can have is percent-encoded, by the rule of the WHATWG's URLs; what can stays, `'` included. */
const legal = (query: string): string =>
  query.replace(/[^\x21-\x7e]|["<>]/gu, (character) =>
    Array.from(encoder.encode(character), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")
  )

const sentQuery = (request: Request, url: URL): string | undefined =>
  WrittenQuery.exactly(request.urlParams) ?? (url.search === "" ? undefined : url.search.slice(1))

/** @param to without a query. */
const toward = (request: Request, to: URL, query: string | undefined): Request => {
  const next: Mutable<Request> = HttpClientRequest.setUrl(request, to)
  if (query === undefined) return next
  const pairs = WrittenQuery.pairsOf(query, { exact: true })
  // A query without a pair cannot be kept as pairs.
  if (pairs.length === 0) next.url += `?${query}`
  if (pairs.length > 0 || query === "") next.urlParams = pairs
  return next
}

/** The URL that a request goes to, for people. */
export const shown = (request: Request, secrets: Secrets): string => {
  const url = WrittenQuery.urlOf(request)
  if (url === undefined) return ""
  const query = sentQuery(request, url)
  return redactUrl(
    `${url.protocol}//${url.host}${url.pathname}${query === undefined ? "" : `?${query}`}${url.hash}`,
    secrets
  )
}
