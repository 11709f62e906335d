/**
 * TLS identities: everything that makes TLS connections to one host different from each other.
 *
 * @since 0.1.0
 */

import type * as Tls from "node:tls"
import type { TlsIdentity } from "@hotaru/pool/ConnectionKey"
import type * as Redacted from "effect/Redacted"
import * as Internal from "./internal/tlsIdentity.js"

/**
 * PEM text, or PEM or DER bytes. In PEM there may be several certificates; a key in DER is in PKCS #8.
 *
 * @since 0.1.0
 * @category models
 */
export type Material = string | Uint8Array

/**
 * Certificates, keys, trusted roots and what else tells one TLS identity from another.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsOptions {
  /** Trusted roots, in place of the usual ones and of those in `NODE_EXTRA_CA_CERTS`. */
  readonly ca?: Material | ReadonlyArray<Material> | undefined
  /** Trusted roots beside the usual ones and those in `NODE_EXTRA_CA_CERTS`. Not together with `ca`. */
  readonly extraCa?: Material | ReadonlyArray<Material> | undefined
  /** The client's certificate chain. */
  readonly cert?: Material | undefined
  /** The client's private key. */
  readonly key?: Material | Redacted.Redacted<Material> | undefined
  /** Certificate and private key in one PKCS #12 file, in place of `cert` and `key`. */
  readonly pfx?: Uint8Array | Redacted.Redacted<Uint8Array> | undefined
  /** Opens `key` or `pfx`. */
  readonly passphrase?: string | Redacted.Redacted<string> | undefined
  /** The name to ask for (SNI) and to find in the certificate, in place of the URL's host. */
  readonly servername?: string | undefined
  /**
   * False accepts any certificate, and is logged as a warning. By default true, unless the environment says
   * `NODE_TLS_REJECT_UNAUTHORIZED=0` when the identity is made.
   */
  readonly rejectUnauthorized?: boolean | undefined
  /**
   * Whether the certificate is that of the host, in place of our own check: undefined if it is, else why not. Asked after
   * the chain was verified, and not for sessions that are resumed. Anything else that it answers, or throws, refuses, with
   * the code `ERR_TLS_CERT_ALTNAME_INVALID`: as with our own check, to send again cannot help.
   *
   * By default a name is looked for among the DNS names of the certificate's alternative names, where a wildcard is a
   * whole label, and an address among its IP addresses (RFC 9525 section 6); the common name is not looked at.
   * `tls.checkServerIdentity` of `node:tls` takes the common name of a certificate without such names.
   */
  readonly checkServerIdentity?: ((host: string, certificate: Tls.PeerCertificate) => Error | undefined) | undefined
  /**
   * Whether the server may begin the handshake anew on an open connection (TLS 1.2), as some do to ask for the client's
   * certificate. By default it is told that we will not, because each time costs us as much as it likes. False.
   */
  readonly renegotiation?: boolean | undefined
  /** Node's default (TLS 1.2) unless set. */
  readonly minVersion?: Tls.SecureVersion | undefined
  readonly maxVersion?: Tls.SecureVersion | undefined
  /** Offered in order of preference. `["http/1.1"]`; empty: none. */
  readonly ALPNProtocols?: ReadonlyArray<string> | undefined
  /** Cipher suites in OpenSSL's notation. */
  readonly ciphers?: string | undefined
  /**
   * Names the identity in logs and statistics. Made up from the options otherwise. Where nothing is verified it says so.
   */
  readonly label?: string | undefined
}

/**
 * An identity for `ConnectionKey.make({ ..., tls })` and for single calls. Certificates are read and checked here, once;
 * options that make no sense throw an `InvalidPoolConfig`.
 *
 * Identities are compared by reference: make each one once and keep it. Two calls with the same options are two
 * identities, whose connections are never shared.
 *
 * @example
 * ```ts
 * import { NodeTls } from "@hotaru/node"
 * import { ConnectionKey } from "@hotaru/pool"
 *
 * const partner = NodeTls.identity({ servername: "partner.example", minVersion: "TLSv1.3" })
 * const key = ConnectionKey.make({ host: "10.0.0.7", port: 443, useTls: true, tls: partner })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const identity: (options?: TlsOptions) => TlsIdentity = Internal.make

/**
 * Whether certificates are verified under an identity made here.
 *
 * @since 0.1.0
 * @category getters
 */
export const isVerifying: (identity: TlsIdentity) => boolean = (identity) =>
  Internal.isNodeTlsIdentity(identity) && identity.verifies
