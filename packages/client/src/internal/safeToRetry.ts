/**
 * What a failure says of sending its request again.
 *
 * @internal
 */
import { type HttpClientError, isHttpClientError } from "@effect/platform/HttpClientError"
import * as PoolError from "@hotaru/pool/PoolError"
import * as OneShot from "./oneShot.js"
import { isVerification } from "./translate.js"

export const isSafeToRetry = (error: unknown): boolean => {
  if (!isHttpClientError(error)) return isSafe(error)
  const { cause, request } = error as HttpClientError
  return !OneShot.isGone(request) && isSafe(cause)
}

const isSafe = (cause: unknown): boolean => {
  if (cause instanceof PoolError.ConnectError) return !isVerification(cause)
  if (
    cause instanceof PoolError.ConnectTimeout ||
    cause instanceof PoolError.AcquireTimeout ||
    cause instanceof PoolError.PendingLimitReached
  ) {
    return true
  }
  return typeof cause === "object" && cause !== null && "safeToRetry" in cause && cause.safeToRetry === true
}
