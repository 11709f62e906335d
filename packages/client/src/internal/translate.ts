/**
 * Our errors as the platform's: the only place where one becomes the other.
 *
 * @internal
 */
import { RequestError, ResponseError } from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import type { ConnectError, InvalidUrl } from "@hotaru/pool/PoolError"
import { cheaply } from "./cheaply.js"
import { printable } from "./printable.js"
import type { Failure } from "./readerContract.js"
import type { SecretNames } from "./secretNames.js"

/**
 * `Transport` is what `HttpClient.retryTransient` sends again, whatever the method; `Encode` it leaves alone, because
 * again cannot help. The request is one that can be printed: who logs an error logs what hangs on it.
 */
export const requestError = (
  sent: HttpClientRequest.HttpClientRequest,
  cause: Failure | InvalidUrl,
  secretNames: SecretNames
): RequestError => {
  const request = printable(sent, secretNames)
  const make = () => new RequestError({ request, reason: reasonOf(cause), cause, description: cause.message })
  // Refusals under overload must cost next to nothing.
  return cause._tag === "PendingLimitReached" || cause._tag === "PoolClosed" ? cheaply(make) : make()
}

export const responseError = (response: HttpClientResponse, cause: unknown): ResponseError =>
  new ResponseError({
    request: response.request,
    response,
    reason: "Decode",
    cause,
    // A parser's message may quote the body; ours quote nothing.
    ...(cause instanceof Error && "_tag" in cause ? { description: cause.message } : {})
  })

const reasonOf = (cause: Failure | InvalidUrl): RequestError["reason"] => {
  switch (cause._tag) {
    case "InvalidUrl":
      return "InvalidUrl"
    case "InvalidRequest":
    case "MethodNotAllowed":
    case "RequestBodyFailed":
    case "RequestBodyLength":
    case "PoolClosed":
    case "EgressDenied":
      return "Encode"
    case "ConnectError":
      return isVerification(cause) ? "Encode" : "Transport"
    default:
      return "Transport"
  }
}

/** OpenSSL's reasons to distrust a certificate, in Node's spelling. */
const verificationCodes = new Set([
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "ERROR_IN_CERT_NOT_AFTER_FIELD",
  "ERROR_IN_CERT_NOT_BEFORE_FIELD",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  "UNABLE_TO_GET_CRL",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
])

/** Whether a dial failed because the peer's certificate was not believed. */
export const isVerification = (error: ConnectError): boolean =>
  error.phase === "tls" && error.code !== undefined && verificationCodes.has(error.code)
