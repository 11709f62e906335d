import { assert, describe, it } from "@effect/vitest"
import { Resolver } from "@hotaru/node"
import { ConnectionKey } from "@hotaru/pool"
import { type AttemptFailure, isRefusal, ofAttempts, ofLookup } from "../src/internal/dialErrors.js"

const key = ConnectionKey.make({ host: "api.test", port: 443, useTls: true })

const failure = (phase: "tcp" | "tls", address: string, code: string): AttemptFailure => ({
  phase,
  address,
  cause: Object.assign(new Error(`connect ${code}`), { code })
})

describe("the error of a dial to several addresses", () => {
  it("is that of the attempt that got furthest, and names the others", () => {
    const error = ofAttempts(key, [
      failure("tcp", "2001:db8::1", "ENETUNREACH"),
      failure("tls", "192.0.2.1", "CERT_HAS_EXPIRED"),
      failure("tcp", "192.0.2.2", "ECONNREFUSED")
    ])
    assert.deepInclude({ ...error }, { phase: "tls", code: "CERT_HAS_EXPIRED", address: "192.0.2.1", local: false })
    assert.strictEqual(
      error.message,
      "Could not connect to https://api.test:443 at 192.0.2.1 (tls): the certificate has expired (CERT_HAS_EXPIRED); " +
        "also 2001:db8::1: the network cannot be reached (ENETUNREACH), 192.0.2.2: connection refused (ECONNREFUSED)"
    )
  })

  it("is rather the peer's refusal than a route of ours that is missing", () => {
    const error = ofAttempts(key, [
      failure("tcp", "2001:db8::1", "ENETUNREACH"),
      failure("tcp", "192.0.2.1", "ECONNREFUSED")
    ])
    assert.deepInclude({ ...error }, { code: "ECONNREFUSED", address: "192.0.2.1" })
  })

  it("is our own only where all attempts failed of our own", () => {
    const own = failure("tcp", "192.0.2.1", "EMFILE")
    assert.isTrue(ofAttempts(key, [own, failure("tcp", "192.0.2.2", "EADDRNOTAVAIL")]).local)
    const mixed = ofAttempts(key, [own, failure("tcp", "192.0.2.2", "ETIMEDOUT")])
    assert.deepInclude({ ...mixed }, { code: "ETIMEDOUT", local: false })
  })

  it("is our own where a look-up found no descriptor left, and the peer's where the name is unknown", () => {
    const lookup = (code: string) => ofLookup(key, new Resolver.ResolveError({ host: "a.test", code }))
    assert.deepInclude({ ...lookup("EMFILE") }, { phase: "dns", code: "EMFILE", local: true })
    assert.isFalse(lookup("ENOTFOUND").local)
  })

  it("says so where there was no address", () => {
    assert.deepInclude({ ...ofAttempts(key, []) }, { phase: "dns", local: false })
  })
})

describe("an alert of the peer's TLS", () => {
  const alert = (code: string) => Object.assign(new Error("alert"), { code: `ERR_SSL_${code}` })

  it("refuses us where it is about certificates or the handshake: nothing of a request was read", () => {
    for (const code of [
      "TLSV13_ALERT_CERTIFICATE_REQUIRED",
      "TLSV1_ALERT_UNKNOWN_CA",
      "SSLV3_ALERT_BAD_CERTIFICATE",
      "SSL/TLS_ALERT_HANDSHAKE_FAILURE"
    ]) {
      assert.isTrue(isRefusal(alert(code)), code)
    }
  })

  it("says nothing of the kind where a record was damaged or was not expected: a part may have been read", () => {
    for (const code of ["SSLV3_ALERT_BAD_RECORD_MAC", "SSL/TLS_ALERT_BAD_RECORD_MAC", "TLSV1_ALERT_INTERNAL_ERROR"]) {
      assert.isFalse(isRefusal(alert(code)), code)
    }
    assert.isFalse(isRefusal(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })))
  })
})
