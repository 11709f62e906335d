/**
 * @internal
 */

import * as Fs from "node:fs"
import * as Tls from "node:tls"
import type { TlsIdentity } from "@hotaru/pool/ConnectionKey"
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import * as Redacted from "effect/Redacted"
import type { Material, TlsOptions } from "../NodeTls.js"
import { TlsSessions } from "./tlsSessions.js"

/**
 * One secure context per identity: making one takes 0.2 ms, and 30 ms with roots of one's own, which no dial should pay.
 */
export class NodeTlsIdentity implements TlsIdentity {
  readonly sessions = new TlsSessions()
  /** Whether it was said in the log that nothing is verified. */
  warned = false

  constructor(
    readonly label: string,
    readonly context: Tls.SecureContext,
    readonly servername: string | undefined,
    readonly verifies: boolean,
    readonly alpn: ReadonlyArray<string>
  ) {}
}

export const isNodeTlsIdentity = (identity: TlsIdentity | TlsOptions | undefined): identity is NodeTlsIdentity =>
  identity instanceof NodeTlsIdentity

export const make = (options: TlsOptions = {}): NodeTlsIdentity => {
  check(options)
  const roots = trusted(options)
  let context: Tls.SecureContext
  try {
    context = Tls.createSecureContext({
      ...(roots === undefined ? {} : { ca: roots }),
      ...given("cert", options.cert === undefined ? undefined : bytes(options.cert)),
      ...given("key", options.key === undefined ? undefined : bytes(revealed(options.key))),
      ...given("pfx", options.pfx === undefined ? undefined : bytes(revealed(options.pfx))),
      ...given("passphrase", options.passphrase === undefined ? undefined : revealed(options.passphrase)),
      ...given("minVersion", options.minVersion),
      ...given("maxVersion", options.maxVersion),
      ...given("ciphers", options.ciphers)
    })
  } catch (cause) {
    throw refused("tls", reasonOf(cause), "certificates, keys and versions that OpenSSL accepts")
  }
  const verifies = options.rejectUnauthorized ?? process.env["NODE_TLS_REJECT_UNAUTHORIZED"] !== "0"
  const servername = options.servername === undefined ? undefined : withoutDot(options.servername)
  return new NodeTlsIdentity(
    options.label ?? labelOf(options, verifies),
    context,
    servername,
    verifies,
    options.ALPNProtocols ?? ["http/1.1"]
  )
}

/** A trailing dot belongs to the look-up; certificates and SNI know no such names (RFC 6066 section 3). */
export const withoutDot = (host: string): string => (host.endsWith(".") ? host.slice(0, -1) : host)

const given = <K extends string, A>(name: K, value: A | undefined): { readonly [_ in K]?: A } =>
  value === undefined ? {} : ({ [name]: value } as { readonly [_ in K]: A })

const revealed = <A>(value: A | Redacted.Redacted<A>): A =>
  Redacted.isRedacted(value) ? Redacted.value(value as Redacted.Redacted<A>) : value

const bytes = <A extends Material>(material: A): string | Buffer =>
  typeof material === "string" ? material : Buffer.from(material.buffer, material.byteOffset, material.byteLength)

const listOf = (material: Material | ReadonlyArray<Material>): ReadonlyArray<Material> =>
  typeof material === "string" || material instanceof Uint8Array ? [material] : material

/** Undefined: Node's own store, which holds `NODE_EXTRA_CA_CERTS` and is shared by all contexts. */
const trusted = (options: TlsOptions): Array<string | Buffer> | undefined => {
  if (options.ca !== undefined) return listOf(options.ca).map(bytes)
  if (options.extraCa === undefined) return undefined
  return [...usual(), ...listOf(options.extraCa).map(bytes)]
}

/** Naming any root of one's own makes Node forget its default ones, so they are named too. */
const usual = (): ReadonlyArray<string> => {
  const modern = (Tls as { readonly getCACertificates?: (type: "default") => ReadonlyArray<string> }).getCACertificates
  if (modern !== undefined) return modern("default")
  const file = process.env["NODE_EXTRA_CA_CERTS"]
  if (file === undefined || file === "") return Tls.rootCertificates
  try {
    return [...Tls.rootCertificates, Fs.readFileSync(file, "utf8")]
  } catch (cause) {
    throw refused("NODE_EXTRA_CA_CERTS", reasonOf(cause), "the path of a readable PEM file")
  }
}

const check = (options: TlsOptions): void => {
  const refuse = (field: string, value: unknown, expected: string) => {
    throw refused(`tls.${field}`, value, expected)
  }
  if (options.ca !== undefined && options.extraCa !== undefined)
    refuse("extraCa", "given", "left out where ca is given, which replaces all roots")
  if (options.pfx !== undefined && (options.cert !== undefined || options.key !== undefined)) {
    refuse("pfx", "given", "left out where cert or key is given")
  }
  if ((options.cert === undefined) !== (options.key === undefined)) {
    refuse(
      options.cert === undefined ? "cert" : "key",
      undefined,
      "given: a client certificate is a pair of cert and key"
    )
  }
  if (options.servername !== undefined && withoutDot(options.servername) === "")
    refuse("servername", options.servername, "a host name")
  for (const protocol of options.ALPNProtocols ?? []) {
    if (protocol.length < 1 || protocol.length > 255) refuse("ALPNProtocols", protocol, "names of 1 to 255 characters")
  }
  for (const [field, roots] of [
    ["ca", options.ca],
    ["extraCa", options.extraCa]
  ] as const) {
    if (roots === undefined) continue
    const list = listOf(roots)
    if (list.length === 0) refuse(field, "an empty list", "at least one certificate")
    // OpenSSL skips what it cannot read, and every connection fails later.
    for (const root of list) {
      if (typeof root === "string" && !root.includes("-----BEGIN "))
        refuse(field, "text without a certificate", "certificates in PEM")
    }
  }
}

const refused = (field: string, value: unknown, expected: string) =>
  new InvalidPoolConfig({ field: `connector.${field}`, value, expected })

/** OpenSSL's words name no material. */
const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const labelOf = (options: TlsOptions, verifies: boolean): string => {
  const parts = [
    options.servername === undefined ? "" : `for ${options.servername}`,
    options.ca === undefined ? "" : "own roots",
    options.extraCa === undefined ? "" : "extra roots",
    options.cert === undefined && options.pfx === undefined ? "" : "client certificate",
    options.minVersion === undefined ? "" : `at least ${options.minVersion}`,
    options.maxVersion === undefined ? "" : `at most ${options.maxVersion}`,
    options.ALPNProtocols === undefined ? "" : `ALPN ${options.ALPNProtocols.join(" ")}`,
    verifies ? "" : "unverified"
  ].filter((part) => part !== "")
  return parts.length === 0 ? "default" : parts.join(", ")
}
