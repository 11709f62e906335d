/**
 * Whether a certificate is that of the name (RFC 9525, RFC 9110 section 4.3.4).
 *
 * For a name Node's own check is asked, and then a stricter one: Node also takes the common name of a certificate without
 * names (RFC 9525 section 6.3 has clients ignore it: no authority has to check it, and no name constraint bounds it), and
 * wildcards that are a part of a label, such as `f*.example.com` (RFC 9525 section 6.3). OpenSSL could be told to be as
 * strict, but knows no underscore beside a wildcard: `*.example.com` would not be for `my_app.example.com`, as it is for
 * browsers.
 *
 * @internal
 */
import { X509Certificate } from "node:crypto"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { isError } from "./isError.js"

/** As Node's `checkServerIdentity`. */
export type CheckIdentity = (host: string, certificate: Tls.PeerCertificate) => Error | undefined

/** The code that Node gives such errors. */
const code = "ERR_TLS_CERT_ALTNAME_INVALID"

/** Alternative names that an error shows; a certificate may have thousands. */
const mostShown = 5

/** Undefined: it is. */
export const checkIdentity: CheckIdentity = (host, certificate) => {
  if (Net.isIP(host) !== 0) {
    // OpenSSL, which is as strict among addresses: Node 22.23 finds none of IPv6 in any certificate.
    const isAddressed = new X509Certificate(certificate.raw).checkIP(host) !== undefined
    return isAddressed ? undefined : mismatch(host, certificate, "")
  }
  if (Tls.checkServerIdentity(host, certificate) !== undefined) return mismatch(host, certificate, "")
  if (isNamed(host, certificate)) return undefined
  return mismatch(
    host,
    certificate,
    `. Its common name and wildcards within a label are not looked at (RFC 9525 section 6.3): have it issued with ` +
      `${host} as a subject alternative name, or give the TLS identity checkServerIdentity: tls.checkServerIdentity`
  )
}

/** Whether the host is a DNS name of the certificate's, or is so but for its first label, and that is a wildcard. */
const isNamed = (host: string, { subjectaltname }: Tls.PeerCertificate): boolean => {
  const name = host.toLowerCase()
  const dot = name.indexOf(".")
  const wildcard = dot > 0 ? `*${name.slice(dot)}` : undefined
  return namesOf(subjectaltname).some((each) => {
    // What Node quotes is not what it reads, and nothing that a host is called.
    if (!each.startsWith("DNS:") || each.startsWith('DNS:"')) return false
    const named = each.slice(4).toLowerCase()
    return named === name || named === wildcard
  })
}

/**
 * Whatever a check does beside answering nothing refuses the certificate, and for good: the code says that to dial again
 * cannot help. What it threw would end the process, from within the handshake.
 */
export const guarded =
  (check: CheckIdentity): CheckIdentity =>
  (host, certificate) => {
    let answer: unknown
    try {
      answer = check(host, certificate)
    } catch (cause) {
      return refusal(host, "checkServerIdentity threw", cause)
    }
    if (answer === undefined) return undefined
    if (!isError(answer)) return refusal(host, "checkServerIdentity answered neither undefined nor an Error")
    // Node's own lists every name, and carries the certificate with those of its issuers, the last of which refers to itself.
    return "cert" in answer ? mismatch(host, certificate, "") : refusal(host, answer.message, answer)
  }

const mismatch = (host: string, { subjectaltname }: Tls.PeerCertificate, more: string): Error =>
  refusal(host, `the certificate is not for ${host}: it names ${shown(subjectaltname)}${more}`)

/** Node quotes a name with a comma or worse in it, so that what is split here is split between names. */
const namesOf = (subjectaltname: string | undefined): ReadonlyArray<string> =>
  subjectaltname === undefined || subjectaltname === "" ? [] : subjectaltname.split(", ")

const shown = (subjectaltname: string | undefined): string => {
  const all = namesOf(subjectaltname)
  if (all.length === 0) return "nothing"
  const some = all.slice(0, mostShown).map((name) => (name.length > 255 ? `${name.slice(0, 255)}…` : name))
  return some.join(", ") + (all.length > some.length ? ` and ${all.length - some.length} more` : "")
}

const refusal = (host: string, reason: string, cause?: unknown): Error =>
  Object.assign(new Error(reason, cause === undefined ? undefined : { cause }), { code, host, reason })
