/**
 * What two requests must agree on to share a connection.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Inspectable from "effect/Inspectable"
import * as Options from "./Options.js"
import { InvalidUrl } from "./PoolError.js"

/**
 * Marks a connection key.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("@hotaru/pool/ConnectionKey")

/**
 * The type of {@link TypeId}.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Everything that makes TLS connections to one host different from each other: certificates, keys, trusted roots,
 * server name, verification, ALPN. The pool never looks inside: two identities are the same only if they are the same
 * object, so a connector makes each identity once and hands out that object.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsIdentity {
  /** Says in logs and statistics which identity it is. Never a secret. */
  readonly label: string
}

/**
 * The way through a proxy, compared by reference like {@link TlsIdentity}.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProxyIdentity {
  /** Says in logs and statistics which proxy it is. Never a secret. */
  readonly label: string
}

/**
 * A value with structural equality and a hash computed once. Make it with {@link make} or {@link fromUrl}.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionKey extends Equal.Equal, Inspectable.Inspectable {
  readonly [TypeId]: TypeId
  /** As the WHATWG host parser writes it, without brackets; a trailing dot stays. */
  readonly host: string
  readonly port: number
  readonly useTls: boolean
  /** A unix socket to dial in place of host and port. */
  readonly socketPath: string | undefined
  /** The local address to dial from. */
  readonly localAddress: string | undefined
  readonly tls: TlsIdentity | undefined
  readonly proxy: ProxyIdentity | undefined
}

/**
 * What {@link make} takes.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionKeyParts {
  /** A host name, an IPv4 address, or an IPv6 address with or without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  readonly useTls: boolean
  readonly socketPath?: string | undefined
  readonly localAddress?: string | undefined
  readonly tls?: TlsIdentity | undefined
  readonly proxy?: ProxyIdentity | undefined
}

/** With what a key holds beside its parts, for a key may be spread. */
const partNames = ["host", "port", "useTls", "socketPath", "localAddress", "tls", "proxy", "hash"]

class ConnectionKeyImpl extends Inspectable.Class implements ConnectionKey {
  readonly [TypeId]: TypeId = TypeId
  readonly socketPath: string | undefined
  readonly localAddress: string | undefined
  readonly tls: TlsIdentity | undefined
  readonly proxy: ProxyIdentity | undefined
  private readonly hash: number

  constructor(
    readonly host: string,
    readonly port: number,
    readonly useTls: boolean,
    rest: Omit<ConnectionKeyParts, "host" | "port" | "useTls">
  ) {
    super()
    this.socketPath = rest.socketPath
    this.localAddress = rest.localAddress
    this.tls = rest.tls
    this.proxy = rest.proxy
    // The rarely set parts are left to equality: a hash need not tell everything apart.
    this.hash = Hash.optimize(
      Hash.string(`${host}|${port}|${useTls}|${rest.socketPath ?? ""}|${rest.localAddress ?? ""}`)
    )
  }

  [Hash.symbol](): number {
    return this.hash
  }

  [Equal.symbol](that: unknown): boolean {
    return (
      this === that ||
      (isConnectionKey(that) &&
        this.host === that.host &&
        this.port === that.port &&
        this.useTls === that.useTls &&
        this.socketPath === that.socketPath &&
        this.localAddress === that.localAddress &&
        this.tls === that.tls &&
        this.proxy === that.proxy)
    )
  }

  toJSON(): unknown {
    return {
      _id: "@hotaru/pool/ConnectionKey",
      host: this.host,
      port: this.port,
      useTls: this.useTls,
      ...(this.socketPath === undefined ? {} : { socketPath: this.socketPath }),
      ...(this.localAddress === undefined ? {} : { localAddress: this.localAddress }),
      ...(this.tls === undefined ? {} : { tls: this.tls.label }),
      ...(this.proxy === undefined ? {} : { proxy: this.proxy.label })
    }
  }

  override toString(): string {
    return format(this)
  }
}

/**
 * Whether a value is a connection key.
 *
 * @since 0.1.0
 * @category guards
 */
export const isConnectionKey = (u: unknown): u is ConnectionKey => typeof u === "object" && u !== null && TypeId in u

/**
 * A key from its parts. Throws an {@link InvalidUrl} on a host the WHATWG host parser refuses, on a zone id and on a
 * port out of range: parts written by hand are the program's own. For input from elsewhere use {@link fromUrl}.
 *
 * @example
 * ```ts
 * import { ConnectionKey } from "@hotaru/pool"
 *
 * const key = ConnectionKey.make({ host: "api.example.com", port: 443, useTls: true })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (parts: ConnectionKeyParts): ConnectionKey => {
  Options.check(parts, { at: "", names: partNames })
  if (!Number.isInteger(parts.port) || parts.port < 1 || parts.port > 65535) {
    throw new InvalidUrl({
      url: withoutSecrets(`${parts.host}:${parts.port}`),
      problem: `the port must be a whole number from 1 to 65535, not ${parts.port}`
    })
  }
  return new ConnectionKeyImpl(parseHost(parts.host), parts.port, parts.useTls, parts)
}

/**
 * The key of an `http:` or `https:` URL. A URL that names no host we can dial is a value, not an exception. So is one
 * with a control character in it: the URL standard drops CR, LF and TAB without a word, and what is dialled would not be
 * what was written.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromUrl = (url: string | URL): Either.Either<ConnectionKey, InvalidUrl> => {
  if (typeof url === "string") {
    const position = firstControl(url)
    if (position !== -1) return Either.left(withControl(url, position))
  }
  let parsed: URL
  try {
    parsed = typeof url === "string" ? new URL(url) : url
  } catch {
    return Either.left(new InvalidUrl({ url: withoutSecrets(String(url)), problem: problemOf(String(url)) }))
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    return Either.left(
      new InvalidUrl({
        url: withoutSecrets(String(url)),
        problem: `the scheme must be http or https, not ${parsed.protocol.slice(0, -1)}`
      })
    )
  }
  const useTls = parsed.protocol === "https:"
  const port = parsed.port === "" ? (useTls ? 443 : 80) : Number(parsed.port)
  if (port === 0) {
    return Either.left(new InvalidUrl({ url: withoutSecrets(String(url)), problem: "port 0 cannot be dialled" }))
  }
  return Either.right(new ConnectionKeyImpl(withoutBrackets(parsed.hostname), port, useTls, {}))
}

/**
 * The key as a URL's origin, with what else distinguishes it: `https://api.example.com:443 (tls: partner)`.
 *
 * @since 0.1.0
 * @category getters
 */
export const format = (key: ConnectionKey): string => {
  const host = key.host.includes(":") ? `[${key.host}]` : key.host
  const notes = [
    key.socketPath === undefined ? "" : `socket: ${key.socketPath}`,
    key.localAddress === undefined ? "" : `from: ${key.localAddress}`,
    key.tls === undefined ? "" : `tls: ${key.tls.label}`,
    key.proxy === undefined ? "" : `proxy: ${key.proxy.label}`
  ].filter((note) => note !== "")
  return `${key.useTls ? "https" : "http"}://${host}:${key.port}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`
}

/** What keeps a text from being a URL: often its port. */
const problemOf = (url: string): string => {
  const port = portOf(url)
  // A port as it should be: something else is wrong.
  if (port === undefined || (/^[0-9]+$/.test(port) && Number(port) <= 65535)) return "it is not an absolute URL"
  const shown = JSON.stringify(port.length > 20 ? `${port.slice(0, 20)}...` : port)
  return /^[0-9]+$/.test(port)
    ? `its port, ${shown}, is out of range: ports are whole numbers from 1 to 65535`
    : `its port, ${shown}, is no whole number from 1 to 65535`
}

/** What stands where a port stands, behind the host and what may be user info; undefined where there is nothing. */
const portOf = (url: string): string | undefined => {
  const authority = /^https?:[/\\]*([^/?#\\]*)/i.exec(withoutSecrets(url))?.[1]
  if (authority === undefined) return undefined
  return /^(?:\[[^\]]*\]|[^:]+):([^:]+)$/.exec(authority)?.[1]
}

/** The index of the first C0 control or DEL, or -1. */
const firstControl = (text: string): number => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) return i
  }
  return -1
}

/** Shows what is refused on one line. */
const withControl = (url: string, position: number): InvalidUrl => {
  const code = url.charCodeAt(position).toString(16).toUpperCase().padStart(4, "0")
  let shown = ""
  for (const character of withoutSecrets(url))
    shown += firstControl(character) === -1 ? character : encodeURIComponent(character)
  return new InvalidUrl({ url: shown, problem: `it contains a control character, U+${code}` })
}

/** Only an IPv6 address stands in brackets; whatever else does is left to the host parser to refuse. */
const withoutBrackets = (host: string): string => (/^\[.*:.*\]$/.test(host) ? host.slice(1, -1) : host)

/**
 * User info must appear in no message. In a URL that cannot be parsed nobody knows where it ends (a password with a `/`
 * in it is a common mistake), so everything up to the last `@` goes, but for a scheme that is one beyond doubt. A query
 * and a fragment may be a signature or a token, and say nothing of where a connection leads: only their mark is shown.
 */
const withoutSecrets = (url: string): string => {
  const bare = url.includes("@")
    ? `${/^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? ""}${url.slice(url.lastIndexOf("@") + 1)}`
    : url
  const mark = bare.search(/[?#]/)
  return mark === -1 || mark === bare.length - 1 ? bare : `${bare.slice(0, mark + 1)}...`
}

const parseHost = (host: string): string => {
  const bare = withoutBrackets(host)
  const literal = bare.includes(":") ? `[${bare}]` : bare
  const refused = (problem: string) => new InvalidUrl({ url: withoutSecrets(host), problem })
  if (bare.includes("%") && bare.includes(":")) throw refused("zone ids are not accepted")
  // Anything that would end the host inside a URL is no part of a host.
  if (bare === "" || /[/?#@\\\s]/.test(bare)) throw refused("it is not a host name or an IP address")
  let parsed: URL
  try {
    parsed = new URL(`http://${literal}/`)
  } catch {
    throw refused("it is not a host name or an IP address")
  }
  if (parsed.port !== "" || parsed.username !== "" || parsed.hostname === "")
    throw refused("it is not a host name or an IP address")
  return withoutBrackets(parsed.hostname)
}
