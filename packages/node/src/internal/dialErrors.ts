/**
 * What went wrong while dialling, in the pool's words.
 *
 * @internal
 */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import { ConnectError, type ConnectPhase, type EgressDenial, EgressDenied } from "@hotaru/pool/PoolError"
import type { ResolveError } from "../Resolver.js"
import { isError } from "./isError.js"
import { alertOf, handshakeCutShort, tlsWords } from "./tlsWords.js"

/** Codes of failures that are our own and say nothing about the peer. */
const ours = new Set([
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "EADDRNOTAVAIL",
  "EADDRINUSE",
  "EACCES",
  "EPERM",
  "EINVAL",
  "EAFNOSUPPORT"
])

const words: { readonly [code: string]: string } = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the peer reset the connection",
  ETIMEDOUT: "the peer did not answer",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ENOENT: "there is no such socket",
  EMFILE: "this process has no file descriptors left",
  ENFILE: "this system has no file descriptors left",
  EADDRNOTAVAIL: "no local address or port is left to dial from",
  EACCES: "permission denied",
  EPERM: "permission denied",
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's chain ends in an unknown self-signed root",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's issuer is unknown",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's issuer is unknown"
}

/** Other failed addresses that a message shows: whoever answers for a name says how many it has. */
export const mostShown = 3

/** How an attempt to dial one address failed. */
export interface AttemptFailure {
  readonly phase: "tcp" | "tls"
  /** An IP literal or a socket path. */
  readonly address: string
  readonly cause: Error
  /** Whether a client certificate was given, where TLS was spoken. */
  readonly presented?: boolean
}

const codeOf = (cause: unknown): string | undefined => {
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  return typeof code === "string" ? code : undefined
}

export const isOurs = (cause: unknown): boolean => {
  const code = codeOf(cause)
  return code !== undefined && ours.has(code)
}

/** Whether the peer's TLS said no. */
export const isAlert = (cause: unknown): cause is Error => isError(cause) && alertOf(codeOf(cause)) !== undefined

/**
 * Alerts that end a handshake which we believed to be over: a peer refuses our certificate so (RFC 8446 section 4.4.2.4),
 * and has read nothing of what we sent behind it. The others come in the middle of an exchange (RFC 8446 section 5.2: a
 * record that was damaged on its way), of which the peer may have seen a part.
 */
const refusals = new Set([
  "ACCESS_DENIED",
  "BAD_CERTIFICATE",
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_REQUIRED",
  "CERTIFICATE_REVOKED",
  "CERTIFICATE_UNKNOWN",
  "DECRYPT_ERROR",
  "HANDSHAKE_FAILURE",
  "INSUFFICIENT_SECURITY",
  "NO_APPLICATION_PROTOCOL",
  "NO_CERTIFICATE",
  "PROTOCOL_VERSION",
  "UNKNOWN_CA",
  "UNSUPPORTED_CERTIFICATE"
])

/** Whether the peer's TLS refused us, and has not read a byte of a request. */
export const isRefusal = (cause: unknown): cause is Error =>
  isAlert(cause) && refusals.has(alertOf(codeOf(cause)) ?? "")

/** What happened to an attempt. */
export const inWords = ({ cause, phase, presented = false }: AttemptFailure): string => {
  const code = codeOf(cause)
  const tls = tlsWords(code, presented) ?? (phase === "tls" ? handshakeCutShort(cause, presented) : undefined)
  if (tls !== undefined) return tls
  const known = code === undefined ? undefined : words[code]
  // OpenSSL's message is a line of its source, with its end; its reason is what happened.
  if (known === undefined && code?.startsWith("ERR_SSL_") === true && "reason" in cause)
    return `${String(cause.reason)} (${code})`
  if (known === undefined) return cause.message
  const during = phase === "tls" && code === "ECONNRESET" ? " in the middle of the TLS handshake" : ""
  return `${known}${during} (${code})`
}

/** How much a failure says about the peer: a handshake that failed most, a missing route of ours least. */
const weight = ({ cause, phase }: AttemptFailure): number => {
  if (phase === "tls") return 3
  if (isOurs(cause)) return 0
  const code = codeOf(cause)
  return code === "ENETUNREACH" || code === "EHOSTUNREACH" ? 1 : 2
}

/**
 * All addresses that may be dialled have failed: the error is that of the one that says most, and names the others.
 */
export const ofAttempts = (
  key: ConnectionKey,
  failures: ReadonlyArray<AttemptFailure>,
  denials: ReadonlyArray<EgressDenial> = []
): ConnectError => {
  const [first] = [...failures].sort((a, b) => weight(b) - weight(a))
  if (first === undefined) return refused(key, "dns", "the name has no address")
  const others = failures.filter((each) => each !== first)
  const shown = others.slice(0, mostShown).map((each) => `${each.address}: ${inWords(each)}`)
  const more = others.length > shown.length ? ` and ${others.length - shown.length} more` : ""
  return new ConnectError({
    key,
    phase: first.phase,
    code: codeOf(first.cause),
    address: first.address,
    detail:
      inWords(first) +
      (shown.length === 0 ? "" : `; also ${shown.join(", ")}${more}`) +
      (denials.length === 0 ? "" : `; the egress policy denied ${denials.length} more`),
    local: first.phase === "tcp" && failures.every(({ cause }) => isOurs(cause)),
    ...(denials.length === 0 ? {} : { denials }),
    cause: first.cause
  })
}

/** Whether any address was left to be dialled decides whose failure it is. */
export const ofDenials = (
  key: ConnectionKey,
  policy: string,
  [first, ...rest]: ReadonlyArray<EgressDenial>
): EgressDenied | undefined =>
  first === undefined ? undefined : new EgressDenied({ key, policy, denials: [first, ...rest] })

export const ofLookup = (key: ConnectionKey, error: ResolveError): ConnectError =>
  new ConnectError({
    key,
    phase: "dns",
    code: error.code,
    detail: error.message,
    // A look-up needs descriptors, too.
    local: error.denied === true || isOurs(error),
    cause: error
  })

export const ofDefect = (key: ConnectionKey, defect: unknown): ConnectError =>
  new ConnectError({ key, phase: "dns", detail: `the resolver failed: ${String(defect)}`, local: true, cause: defect })

/** Refused before anything was dialled. */
export const refused = (
  key: ConnectionKey,
  phase: ConnectPhase,
  detail: string,
  local = false,
  code?: string
): ConnectError => new ConnectError({ key, phase, code, detail, local })
