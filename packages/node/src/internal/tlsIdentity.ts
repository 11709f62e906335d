/**
 * @internal
 */

import { constants } from "node:crypto"
import * as Fs from "node:fs"
import * as Tls from "node:tls"
import { types } from "node:util"
import * as ConnectionKey from "@hotaru/pool/ConnectionKey"
import * as Options from "@hotaru/pool/Options"
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import * as Inspectable from "effect/Inspectable"
import * as Redacted from "effect/Redacted"
import type { Material, TlsOptions } from "../NodeTls.js"
import { isError } from "./isError.js"
import { certificatesIn, keyIn } from "./tlsMaterial.js"
import { type CheckIdentity, checkIdentity, guarded } from "./tlsNames.js"
import { TlsSessions } from "./tlsSessions.js"

/**
 * One secure context per identity: making one takes 0.2 ms, and 30 ms with roots of one's own, which no dial should pay.
 *
 * Context and sessions hold secrets, and nothing that prints an object can see a private field.
 */
export class NodeTlsIdentity extends Inspectable.Class implements ConnectionKey.TlsIdentity {
  readonly #context: Tls.SecureContext
  readonly #sessions = new TlsSessions()
  /** Whether it was said in the log that nothing is verified. */
  warned = false

  constructor(
    readonly label: string,
    context: Tls.SecureContext,
    readonly servername: string | undefined,
    readonly verifies: boolean,
    readonly alpn: ReadonlyArray<string>,
    readonly check: CheckIdentity,
    /** Whether it has a client certificate to give. */
    readonly presents: boolean
  ) {
    super()
    this.#context = context
  }

  get context(): Tls.SecureContext {
    return this.#context
  }

  get sessions(): TlsSessions {
    return this.#sessions
  }

  toJSON(): unknown {
    return { _id: "@hotaru/node/TlsIdentity", label: this.label, verifies: this.verifies }
  }
}

export const isNodeTlsIdentity = (
  identity: ConnectionKey.TlsIdentity | TlsOptions | undefined
): identity is NodeTlsIdentity => identity instanceof NodeTlsIdentity

export const make = (options: TlsOptions = {}): NodeTlsIdentity => {
  check(options)
  const roots = trusted(options)
  const passphrase = options.passphrase === undefined ? undefined : revealed(options.passphrase)
  if (passphrase !== undefined && typeof passphrase !== "string")
    refuse("passphrase", `of type ${typeof passphrase}`, "text")
  const cert = options.cert === undefined ? undefined : certificatesIn("cert", options.cert, refuse)
  const key = options.key === undefined ? undefined : keyIn("key", revealed(options.key), passphrase, refuse)
  const pfx = options.pfx === undefined ? undefined : revealed(options.pfx)
  if (pfx !== undefined && !types.isUint8Array(pfx)) refuse("pfx", `of type ${typeof pfx}`, "bytes")
  let context: Tls.SecureContext
  try {
    context = Tls.createSecureContext({
      ...(roots === undefined ? {} : { ca: roots }),
      ...given("cert", cert),
      ...given("key", key),
      ...given("pfx", pfx === undefined ? undefined : Buffer.from(pfx.buffer, pfx.byteOffset, pfx.byteLength)),
      ...given("passphrase", passphrase),
      ...given("minVersion", options.minVersion),
      ...given("maxVersion", options.maxVersion),
      ...given("ciphers", options.ciphers),
      // A peer that may begin a handshake anew can do so for ever, and show another certificate in it.
      ...given("secureOptions", options.renegotiation === true ? undefined : constants.SSL_OP_NO_RENEGOTIATION)
    })
  } catch (cause) {
    throw refused("tls", reasonOf(cause), "certificates, keys and versions that OpenSSL accepts")
  }
  const verifies = options.rejectUnauthorized ?? process.env["NODE_TLS_REJECT_UNAUTHORIZED"] !== "0"
  const servername = options.servername === undefined ? undefined : nameOf(options.servername)
  return new NodeTlsIdentity(
    labelOf(options, verifies),
    context,
    servername,
    verifies,
    [...(options.ALPNProtocols ?? ["http/1.1"])],
    guarded(options.checkServerIdentity ?? checkIdentity),
    cert !== undefined || pfx !== undefined
  )
}

/** As keys have hosts: certificates know names in their ASCII form only (RFC 9525 section 2). */
const nameOf = (servername: string): string => {
  try {
    const name = withoutDot(ConnectionKey.make({ host: servername, port: 1, useTls: true }).host)
    if (name !== "") return name
  } catch {
    // What is no host is refused below, under its own name.
  }
  return refuse("servername", servername, "a host name")
}

/** A trailing dot belongs to the look-up; certificates and SNI know no such names (RFC 6066 section 3). */
export const withoutDot = (host: string): string => (host.endsWith(".") ? host.slice(0, -1) : host)

const given = <K extends string, A>(name: K, value: A | undefined): { readonly [_ in K]?: A } =>
  value === undefined ? {} : ({ [name]: value } as { readonly [_ in K]: A })

const revealed = <A>(value: A | Redacted.Redacted<A>): A =>
  Redacted.isRedacted(value) ? Redacted.value(value as Redacted.Redacted<A>) : value

const rootsIn = (field: string, material: Material | ReadonlyArray<Material>): Array<string> => {
  const list = Array.isArray(material) ? (material as ReadonlyArray<Material>) : [material as Material]
  if (list.length === 0) refuse(field, "an empty list", "at least one certificate")
  return list.map((each) => certificatesIn(field, each, refuse))
}

/** Undefined: Node's own store, which holds `NODE_EXTRA_CA_CERTS` and is shared by all contexts. */
const trusted = (options: TlsOptions): Array<string> | undefined => {
  if (options.ca !== undefined) return rootsIn("ca", options.ca)
  if (options.extraCa === undefined) return undefined
  return [...usual(), ...rootsIn("extraCa", options.extraCa)]
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

export const known: Options.Known = {
  at: "connector.tls",
  names: [
    "ca",
    "extraCa",
    "cert",
    "key",
    "pfx",
    "passphrase",
    "servername",
    "rejectUnauthorized",
    "checkServerIdentity",
    "renegotiation",
    "minVersion",
    "maxVersion",
    "ALPNProtocols",
    "ciphers",
    "label"
  ],
  // Without one of these, more is trusted than was meant.
  guards: ["ca", "rejectUnauthorized", "minVersion", "ciphers"]
}

const check = (options: TlsOptions): void => {
  Options.check(options, known)
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
  const { rejectUnauthorized } = options
  if (rejectUnauthorized !== undefined && typeof rejectUnauthorized !== "boolean")
    refuse("rejectUnauthorized", rejectUnauthorized, "true or false")
  if (options.renegotiation !== undefined && typeof options.renegotiation !== "boolean")
    refuse("renegotiation", options.renegotiation, "true or false")
  if (options.checkServerIdentity !== undefined && typeof options.checkServerIdentity !== "function")
    refuse("checkServerIdentity", options.checkServerIdentity, "a function")
  for (const protocol of options.ALPNProtocols ?? []) {
    if (protocol.length < 1 || protocol.length > 255) refuse("ALPNProtocols", protocol, "names of 1 to 255 characters")
  }
}

const refuse = (field: string, value: unknown, expected: string): never => {
  throw refused(`tls.${field}`, value, expected)
}

const refused = (field: string, value: unknown, expected: string) =>
  new InvalidPoolConfig({ field: `connector.${field}`, value, expected })

/** OpenSSL's words name no material. */
const reasonOf = (cause: unknown): string => (isError(cause) ? cause.message : String(cause))

/** It shows in keys, and so in errors, events and statistics: nobody's label hides that nothing is verified. */
const labelOf = (options: TlsOptions, verifies: boolean): string => {
  if (options.label !== undefined) return verifies ? options.label : `${options.label} (unverified)`
  const parts = [
    options.servername === undefined ? "" : `for ${options.servername}`,
    options.ca === undefined ? "" : "own roots",
    options.extraCa === undefined ? "" : "extra roots",
    options.cert === undefined && options.pfx === undefined ? "" : "client certificate",
    options.minVersion === undefined ? "" : `at least ${options.minVersion}`,
    options.maxVersion === undefined ? "" : `at most ${options.maxVersion}`,
    options.ALPNProtocols === undefined ? "" : `ALPN ${options.ALPNProtocols.join(" ")}`,
    options.checkServerIdentity === undefined ? "" : "own check of names",
    options.renegotiation === true ? "renegotiation" : "",
    verifies ? "" : "unverified"
  ].filter((part) => part !== "")
  return parts.length === 0 ? "default" : parts.join(", ")
}
