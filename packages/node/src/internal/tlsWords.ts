/**
 * What ended a TLS handshake, in plain words: OpenSSL's are short for its own source.
 *
 * @internal
 */

/** Codes that begin so are OpenSSL's, and go on with the reason. */
const prefix = "ERR_SSL_"

/** The peer's alert in an OpenSSL code, or undefined: `ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED` has the first. */
export const alertOf = (code: string | undefined): string | undefined => {
  if (code === undefined || !code.startsWith(prefix)) return undefined
  // The one alert that OpenSSL names without the word.
  if (code.endsWith("_UNRECOGNIZED_NAME")) return "UNRECOGNIZED_NAME"
  return code.split("_ALERT_")[1]
}

const missing = "none was given (the TLS options cert and key)"

/** Whose doing it was, by alert (RFC 8446 section 6.2), and what can be done. `presented`: we gave a client certificate. */
const alerts: { readonly [alert: string]: (presented: boolean) => string } = {
  ACCESS_DENIED: (presented) =>
    presented
      ? "the server accepted our client certificate and denies it access"
      : `the server denies us access; perhaps it demands a client certificate, and ${missing}`,
  BAD_CERTIFICATE: (presented) => refusedOurs(presented, "as damaged or badly signed"),
  CERTIFICATE_EXPIRED: (presented) => refusedOurs(presented, "as expired"),
  CERTIFICATE_REQUIRED: () => `the server demands a client certificate, and ${missing}`,
  CERTIFICATE_REVOKED: (presented) => refusedOurs(presented, "as revoked"),
  CERTIFICATE_UNKNOWN: (presented) => refusedOurs(presented, "without saying why"),
  DECRYPT_ERROR: (presented) => refusedOurs(presented, "because its signature does not fit"),
  HANDSHAKE_FAILURE: (presented) =>
    presented
      ? "the server refused the handshake: it does not take our client certificate, or has no cipher in common with us"
      : `the server refused the handshake: it demands a client certificate, and ${missing}, or it has no cipher in common with us`,
  INAPPROPRIATE_FALLBACK: () => "the server speaks a later version of TLS than we offered; raise maxVersion",
  INSUFFICIENT_SECURITY: () => "the server demands stronger ciphers than we offered",
  INTERNAL_ERROR: () => "the server's TLS failed for a reason of its own",
  NO_APPLICATION_PROTOCOL: () =>
    "the server speaks none of the protocols offered by ALPN (the TLS option ALPNProtocols)",
  NO_CERTIFICATE: () => `the server demands a client certificate, and ${missing}`,
  PROTOCOL_VERSION: () =>
    "the server speaks no version of TLS that we offer (the TLS options minVersion and maxVersion)",
  UNKNOWN_CA: (presented) => refusedOurs(presented, "because it does not know the authority that issued it"),
  UNRECOGNIZED_NAME: () => "the server has no certificate for the name that was asked for (the TLS option servername)",
  UNSUPPORTED_CERTIFICATE: (presented) => refusedOurs(presented, "as of a kind that it does not support")
}

const refusedOurs = (presented: boolean, why: string): string =>
  presented
    ? `the server refused our client certificate ${why} (the TLS options cert, key and pfx)`
    : `the server refused our side's certificate ${why}, and ${missing}`

/** Other reasons of OpenSSL's, by what follows the prefix. */
const reasons: { readonly [reason: string]: string } = {
  CA_MD_TOO_WEAK: "an authority's certificate is signed with a hash that is too weak",
  DH_KEY_TOO_SMALL: "the server's Diffie-Hellman key is too small",
  EE_KEY_TOO_SMALL: "the certificate's key is too small",
  NO_CIPHERS_AVAILABLE: "none of our ciphers can be used with the versions of TLS that are allowed",
  NO_PROTOCOLS_AVAILABLE: "no version of TLS is allowed (the TLS options minVersion and maxVersion)",
  PACKET_LENGTH_TOO_LONG: "what the peer answered is no TLS; perhaps it speaks another protocol on this port",
  UNEXPECTED_MESSAGE: "the peer's handshake is out of order",
  UNSAFE_LEGACY_RENEGOTIATION_DISABLED: "the server knows only the unsafe way to renegotiate, which is refused",
  UNSUPPORTED_PROTOCOL: "the server chose a version of TLS that we do not allow (the TLS option minVersion)",
  VERSION_TOO_LOW: "the server chose a version of TLS that we do not allow (the TLS option minVersion)",
  WRONG_SIGNATURE_TYPE: "the server's signature is of a kind that we did not offer",
  WRONG_VERSION_NUMBER: "what the peer answered is no TLS; perhaps it speaks plain HTTP on this port"
}

/** Undefined: the code is none of those that are known here. */
export const tlsWords = (code: string | undefined, presented: boolean): string | undefined => {
  if (code === undefined) return undefined
  const alert = alertOf(code)
  const words = alert === undefined ? reasons[code.slice(prefix.length)] : alerts[alert]?.(presented)
  return words === undefined || !code.startsWith(prefix) ? undefined : `${words} (${code})`
}

/** How a socket ends that ends in the middle of a handshake, in a sentence of Node's. */
const cutShort = /before secure TLS connection was established/

/** The words for that, or undefined. */
export const handshakeCutShort = (cause: Error, presented: boolean): string | undefined => {
  if (!cutShort.test(cause.message)) return undefined
  const certificate = presented ? "does not take our client certificate" : "refuses us"
  return (
    "the peer closed or reset the connection in the middle of the TLS handshake; " +
    `perhaps it speaks no TLS on this port, or ${certificate} without saying why (${cause.message})`
  )
}
