/**
 * Header fields as the platform shows them.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"

const headersPrototype: object = Object.getPrototypeOf(Headers.empty)

/**
 * Fields of an answer that have one value (RFC 9110, RFC 6266). Some servers send the same line twice; joined, it would be
 * another value.
 */
const singletons = new Set([
  "age",
  "content-disposition",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "date",
  "etag",
  "expires",
  "last-modified",
  "location",
  "retry-after",
  "server"
])

/**
 * Names in lower case, repeated fields joined with `", "`, as the platform's own layers do; one that can have one value only
 * is not joined to itself.
 */
export const joinFields = (rawHeaders: ReadonlyArray<string>): Headers.Headers => {
  // Headers has no prototype of Object's: even `__proto__` is a name like any other here.
  const joined: Record<string, string> = Object.create(headersPrototype)
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    const before = joined[name]
    const value = rawHeaders[i + 1]!
    if (before === value && singletons.has(name)) continue
    joined[name] = before === undefined ? value : `${before}, ${value}`
  }
  return joined as Headers.Headers
}
