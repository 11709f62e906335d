/**
 * Queries kept as they are written. The platform keeps parameters beside a URL as pairs of name and value, and a query that
 * went through pairs is another one: `flag` becomes `flag=`, `%20` becomes `+`, and bytes that are no UTF-8 are lost. A list
 * of pairs that was made of a query remembers it here, for as long as nobody makes another list of it.
 *
 * @internal
 */
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as UrlParams from "@effect/platform/UrlParams"

interface Written {
  /** Without its question mark. */
  readonly query: string
  /** Whether it is sent just so, or as the URL parser writes it. */
  readonly exact: boolean
  /** The pairs that follow those of the query. */
  readonly rest: UrlParams.UrlParams
}

const written = new WeakMap<UrlParams.UrlParams, Written>()

/** The pairs of a query, which stand for it, and for others that follow. */
export const pairsOf = (
  query: string,
  options: { readonly exact: boolean; readonly rest?: UrlParams.UrlParams }
): UrlParams.UrlParams => {
  const { exact, rest = [] } = options
  // One question mark is taken off what has one: it may be the query's own.
  const pairs: UrlParams.UrlParams = [...new URLSearchParams(`?${query}`), ...rest]
  written.set(pairs, { query, exact, rest })
  return pairs
}

/** The query that the pairs were made of. */
export const queryOf = (pairs: UrlParams.UrlParams): string | undefined => written.get(pairs)?.query

/** The query to send as it is, whatever the URL parser would make of it. */
export const exactly = (pairs: UrlParams.UrlParams): string | undefined => {
  const known = written.get(pairs)
  return known?.exact === true ? known.query : undefined
}

const encoded = (pairs: UrlParams.UrlParams): string => {
  const known = written.get(pairs)
  if (known === undefined) return UrlParams.toString(pairs.filter(([, value]) => value !== undefined))
  const rest = encoded(known.rest)
  return rest === "" ? known.query : known.query === "" ? rest : `${known.query}&${rest}`
}

/**
 * The URL of a request. What its URL has for a query stays as it is, and its parameters follow; the platform's own
 * `UrlParams.makeUrl` would encode both anew.
 */
export const urlOf = (request: HttpClientRequest): URL | undefined => {
  const made = UrlParams.makeUrl(request.url, UrlParams.empty, request.hash)
  if (made._tag === "Left") return undefined
  const url = made.right
  const query = encoded(request.urlParams)
  if (query !== "") url.search = url.search === "" ? `?${query}` : `${url.search}&${query}`
  return url
}
