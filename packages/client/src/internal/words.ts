/**
 * The parts of an error's message that say what may be behind it, and what can be done.
 *
 * @internal
 */
import type { ClosedBeforeUse, ConnectionBroken, ExchangeTimeout } from "../ExchangeError.js"

/** What can be done about a server that closes connections which are about to be used. */
export const stale = ({ idle, responseStarted, safeToRetry }: ConnectionBroken): string => {
  if (responseStarted || idle === undefined || idle <= 0) return ""
  const repeat = safeToRetry ? "" : ", or send an Idempotency-Key, with which it may be sent again"
  return (
    `; it had been idle for ${Math.round(idle)} ms, and the server's keep-alive is probably shorter: ` +
    `set idleTimeout below that${repeat}`
  )
}

/** Why a peer may close a connection that it has accepted. */
export const whyClosed = ({ clientCertificate, overTls }: ClosedBeforeUse): string => {
  if (overTls !== true)
    return "perhaps it speaks TLS on this port (the URL has to begin with https then), or has no server behind it"
  return clientCertificate === true
    ? "the TLS handshake had succeeded on our side: perhaps the server does not take our client certificate"
    : "the TLS handshake had succeeded on our side: perhaps the server demands a client certificate, and none was given, or it has no server behind it"
}

/** What did not happen within a time limit. */
export const whatTook = ({ limit, responseStarted }: ExchangeTimeout): string => {
  switch (limit) {
    case "requestTimeout":
      return `${responseStarted ? "The answer had begun and was not complete" : "No answer had begun"} within`
    case "headersTimeout":
      return responseStarted ? "The answer's head had begun and was not complete within" : "No answer began within"
    case "bodyTimeout":
      return responseStarted
        ? "The answer's body had begun, and nothing more of it came within"
        : "The peer took nothing more of the request's body within"
  }
}
