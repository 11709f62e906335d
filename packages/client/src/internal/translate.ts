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
import { printable, shownUrl } from "./printable.js"
import type { Failure } from "./readerContract.js"
import type { Secrets } from "./secrets.js"

/** As the platform prints it, without what is secret in the URL. */
const methodAndUrl = (request: HttpClientRequest.HttpClientRequest): string => `${request.method} ${shownUrl(request)}`

/**
 * The platform begins a message with the reason, which says what to do and not what happened: "Encode" stands for a
 * certificate that has expired, too. Here what happened comes first.
 */
class PlainRequestError extends RequestError {
  override get message(): string {
    return `${this.description} (${this.methodAndUrl})`
  }

  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }
}

class PlainResponseError extends ResponseError {
  override get message(): string {
    return `${this.description} (${this.response.status} ${this.methodAndUrl})`
  }

  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }
}

// Node prints the class, and these are the platform's as far as a program can tell.
for (const [made, base] of [
  [PlainRequestError, RequestError],
  [PlainResponseError, ResponseError]
] as const)
  Object.defineProperty(made, "name", { value: base.name })

/**
 * Errors are made where a socket calls, so their frames are ours and none the user's: without them the first lines that a
 * log shows are the messages, and then the user's spans. A stack costs most of what an error costs, too.
 */
const bare = <E extends Error>(error: E): E => {
  error.stack = `${error.name}: ${error.message}`
  return error
}

/**
 * `Transport` is what `HttpClient.retryTransient` sends again, whatever the method; `Encode` it leaves alone, because
 * again cannot help. The request is one that can be printed: who logs an error logs what hangs on it.
 */
export const requestError = (
  sent: HttpClientRequest.HttpClientRequest,
  cause: Failure | InvalidUrl,
  secrets: Secrets
): RequestError => {
  const request = printable(sent, secrets)
  const reason = reasonOf(cause)
  bare(cause)
  return bare(cheaply(() => new PlainRequestError({ request, reason, cause, description: cause.message })))
}

export const responseError = (
  response: HttpClientResponse,
  cause: unknown,
  reason: ResponseError["reason"] = "Decode",
  request: HttpClientRequest.HttpClientRequest = response.request
): ResponseError => {
  const ours = cause instanceof Error && "_tag" in cause
  // A parser's message may quote the body; ours quote nothing.
  const description = ours ? bare(cause).message : unreadable(response, cause)
  return bare(cheaply(() => new PlainResponseError({ request, response, reason, cause, description })))
}

/** Characters of a peer's header that a message shows. */
const mostShown = 100

/** The body is not what it was read as; nothing happened to it on its way. */
const unreadable = ({ headers }: HttpClientResponse, cause: unknown): string => {
  const type = headers["content-type"]
  const given = type === undefined ? "no content-type" : `content-type ${JSON.stringify(type.slice(0, mostShown))}`
  const wanted = cause instanceof SyntaxError ? "JSON" : "of the kind that it was read as"
  return `The response's body came whole, but it is not ${wanted} (${given})`
}

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

/**
 * Alerts by which a peer's TLS refuses what we are set to offer it (RFC 8446 section 6.2): it would refuse the same again.
 * OpenSSL's codes end with them.
 */
const refusedAlerts = new Set([
  "ACCESS_DENIED",
  "BAD_CERTIFICATE",
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_REQUIRED",
  "CERTIFICATE_REVOKED",
  "CERTIFICATE_UNKNOWN",
  "HANDSHAKE_FAILURE",
  "INAPPROPRIATE_FALLBACK",
  "INSUFFICIENT_SECURITY",
  "NO_APPLICATION_PROTOCOL",
  "NO_CERTIFICATE",
  "PROTOCOL_VERSION",
  "UNKNOWN_CA",
  "UNSUPPORTED_CERTIFICATE"
])

/** Our own side's reasons to refuse a handshake, and the one alert that OpenSSL names without the word. */
const refusedCodes = new Set([
  "ERR_SSL_NO_CIPHERS_AVAILABLE",
  "ERR_SSL_NO_PROTOCOLS_AVAILABLE",
  "ERR_SSL_TLSV1_UNRECOGNIZED_NAME",
  "ERR_SSL_UNSUPPORTED_PROTOCOL",
  "ERR_SSL_VERSION_TOO_LOW"
])

/**
 * Whether a dial failed because one side's TLS refused the other's certificate, version or ciphers: dialling again cannot
 * help.
 */
export const isVerification = ({ code, phase }: ConnectError): boolean =>
  phase === "tls" &&
  code !== undefined &&
  (verificationCodes.has(code) ||
    refusedCodes.has(code) ||
    (code.startsWith("ERR_SSL_") && refusedAlerts.has(code.split("_ALERT_")[1] ?? "")))
