/**
 * Everything we read of `@effect/platform` that it does not export. A test fails when the platform changes it.
 *
 * @internal
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { globalValue } from "effect/GlobalValue"

/**
 * `HttpClient.withScope` announces a scoped request only through this map of its own: it puts a controller in before
 * the request is executed and aborts it when the scope closes.
 */
const scopedRequests = globalValue(
  "@effect/platform/HttpClient/scopedRequests",
  () => new WeakMap<HttpClientRequest.HttpClientRequest, AbortController>()
)

/**
 * The signal of the scope a request is executed in, if it is. The entry is taken out: the platform leaves it there, and
 * the same request object, executed again without a scope, would be dead on arrival. For the same reason a signal that
 * has aborted already says nothing about this execution.
 */
export const takeScopeSignal = (request: HttpClientRequest.HttpClientRequest): AbortSignal | undefined => {
  const controller = scopedRequests.get(request)
  if (controller === undefined) return undefined
  scopedRequests.delete(request)
  return controller.signal.aborted ? undefined : controller.signal
}

/**
 * The two halves of a client: what prepares a request (`mapRequest` and its like), and what sends a prepared one. Outside,
 * there is only `execute`, which does both; the platform's own combinators use the halves.
 */
export const partsOf = <E, R>(client: HttpClient.With<E, R>): Parts<E, R> => client as unknown as Parts<E, R>

interface Parts<E, R> {
  readonly preprocess: HttpClient.Preprocess<E, R>
  readonly postprocess: HttpClient.Postprocess<E, R>
}
