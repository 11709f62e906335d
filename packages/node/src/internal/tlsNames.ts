/**
 * Whether a certificate is that of the name (RFC 9525, RFC 9110 section 4.3.4).
 *
 * Node's own check is asked, and then OpenSSL's, which can be told to be stricter: Node also takes the common name of a
 * certificate without names (RFC 9525 section 6.3 has clients ignore it: no authority has to check it, and no name
 * constraint bounds it), and wildcards that are a part of a label, such as `f*.example.com` (RFC 9525 section 6.3).
 *
 * @internal
 */
import { X509Certificate } from "node:crypto"
import * as Net from "node:net"
import * as Tls from "node:tls"

/** As Node's `checkServerIdentity`. */
export type CheckIdentity = (host: string, certificate: Tls.PeerCertificate) => Error | undefined

/** The code that Node gives such errors. */
const code = "ERR_TLS_CERT_ALTNAME_INVALID"

/** Alternative names that an error shows; a certificate may have thousands. */
const mostShown = 5

const strictly = {
  subject: "never",
  wildcards: true,
  partialWildcards: false,
  multiLabelWildcards: false,
  singleLabelSubdomains: false
} as const

/** Undefined: it is. */
export const checkIdentity: CheckIdentity = (host, certificate) => {
  const loose = Tls.checkServerIdentity(host, certificate)
  if (loose !== undefined) return mismatch(host, certificate, "")
  const parsed = new X509Certificate(certificate.raw)
  const isAddress = Net.isIP(host) !== 0
  if ((isAddress ? parsed.checkIP(host) : parsed.checkHost(host, strictly)) !== undefined) return undefined
  return mismatch(
    host,
    certificate,
    `. Its common name and wildcards within a label are not looked at (RFC 9525 section 6.3): have it issued with ` +
      `${host} as a subject alternative name, or give the TLS identity checkServerIdentity: tls.checkServerIdentity`
  )
}

/**
 * Whatever a check does beside answering nothing refuses the certificate; what it threw would end the process, from
 * within the handshake.
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
    if (!(answer instanceof Error)) return refusal(host, "checkServerIdentity answered neither undefined nor an Error")
    // Node's own carries the certificate with those of its issuers, the last of which refers to itself.
    return "cert" in answer ? refusal(host, answer.message) : answer
  }

const mismatch = (host: string, { subjectaltname }: Tls.PeerCertificate, more: string): Error =>
  refusal(host, `the certificate is not for ${host}: it names ${shown(subjectaltname)}${more}`)

/** Node quotes a name with a comma or worse in it, so that what is split here is split between names. */
const shown = (names: string | undefined): string => {
  if (names === undefined || names === "") return "nothing"
  const all = names.split(", ")
  const some = all.slice(0, mostShown).map((name) => (name.length > 255 ? `${name.slice(0, 255)}…` : name))
  return some.join(", ") + (all.length > some.length ? ` and ${all.length - some.length} more` : "")
}

const refusal = (host: string, reason: string, cause?: unknown): Error =>
  Object.assign(new Error(reason, cause === undefined ? undefined : { cause }), { code, host, reason })
