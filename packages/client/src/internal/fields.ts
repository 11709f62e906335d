/**
 * Header fields as the platform shows them.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"

const headersPrototype: object = Object.getPrototypeOf(Headers.empty)

/** Names in lower case, repeated fields joined with `", "`, as the platform's own layers do. */
export const joinFields = (rawHeaders: ReadonlyArray<string>): Headers.Headers => {
  // Headers has no prototype of Object's: even `__proto__` is a name like any other here.
  const joined: Record<string, string> = Object.create(headersPrototype)
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    const before = joined[name]
    joined[name] = before === undefined ? rawHeaders[i + 1]! : `${before}, ${rawHeaders[i + 1]!}`
  }
  return joined as Headers.Headers
}
