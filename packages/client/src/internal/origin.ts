/**
 * From a request's URL to the connections that can carry it.
 *
 * @internal
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { type AsyncContext, none } from "@hotaru/pool/AsyncContexts"
import * as ConnectionKey from "@hotaru/pool/ConnectionKey"
import * as Options from "@hotaru/pool/Options"
import type { PoolConfig } from "@hotaru/pool/PoolConfig"
import { InvalidUrl } from "@hotaru/pool/PoolError"
import type { Target } from "../Target.js"
import * as PlainUrl from "./plainUrl.js"
import * as WrittenQuery from "./writtenQuery.js"

/** What all requests to one origin share, made once. */
export interface Origin {
  readonly key: ConnectionKey.ConnectionKey
  /** Scheme and authority, as the URL parser writes them: `https://example.com:8443`. */
  readonly name: string
  /** The value of `Host`. */
  readonly host: string
  /** Whether each request has a connection of its own. */
  readonly unpooled: boolean
  readonly maxRequestsPerConnection: number
  /**
   * Whether its last answer was of HTTP/1.0. Such a server may keep a connection, but only if it is asked to; the client's
   * readers write this down, and it is forgotten with the origin.
   */
  speaksHttp10: boolean
}

/** A request that knows where it goes. */
export interface Destination {
  readonly origin: Origin
  /** The request target, in origin-form. */
  readonly path: string
  /** The fragment, which no peer sees, with its `#`; empty if there is none. */
  readonly hash: string
  /** As it was, without user info in its URL. */
  readonly request: HttpClientRequest.HttpClientRequest
  /** Basic authorization out of the URL's user info. */
  readonly authorization: string | undefined
}

/** How many origins are remembered; a program that talks to more pays for a key per request. */
const capacity = 1024

/** Longer ones are not remembered: no name that the DNS knows has more than 253 characters, a stranger's may have millions. */
const longestName = 512

/** Origins by what is written of them, so that a request finds the one key whose hash was made already. */
export class Origins {
  private readonly plain = new Map<string, Origin>()
  private readonly targeted = new WeakMap<Target, Map<string, Origin>>()

  constructor(
    private readonly config: PoolConfig,
    /** What holds for an origin holds for all callers: `perHost` is not to see the store of the first one. */
    private readonly root: AsyncContext = none.root
  ) {}

  /** The origin that begins with just these characters, if that was learned. */
  written(prefix: string, target: Target | undefined): Origin | undefined {
    return this.of(target).get(prefix)
  }

  find(url: URL, target: Target | undefined): Origin | InvalidUrl {
    // Not `origin`: that of `blob:http://a.test/` is `http://a.test`.
    const name = `${url.protocol}//${url.host}`
    const found = this.of(target).get(name)
    if (found !== undefined) return found
    const made = this.make(detached(name), url, target)
    if (!(made instanceof InvalidUrl)) this.learn(name, made, target)
    return made
  }

  learn(written: string, origin: Origin, target: Target | undefined): void {
    if (written.length > longestName) return
    const known = this.of(target)
    if (known.size >= capacity && !known.has(written)) {
      // Maps keep the order of insertion: the one known longest goes.
      for (const oldest of known.keys()) {
        known.delete(oldest)
        break
      }
    }
    known.set(detached(written), origin)
  }

  private of(target: Target | undefined): Map<string, Origin> {
    if (target === undefined) return this.plain
    let known = this.targeted.get(target)
    if (known === undefined) {
      known = new Map()
      this.targeted.set(target, known)
    }
    return known
  }

  private make(name: string, url: URL, target: Target | undefined): Origin | InvalidUrl {
    const whole = ConnectionKey.fromUrl(url)
    if (whole._tag === "Left") return whole.left
    const key = ConnectionKey.fromUrl(name)
    if (key._tag === "Left") return key.left
    const { host, port, useTls } = key.right
    const full = target === undefined ? key.right : ConnectionKey.make({ host, port, useTls, ...partsOf(target) })
    const overrides = this.root.run((key) => this.config.perHost(key), full)
    return {
      key: full,
      name,
      host: new URL(name).host,
      unpooled: !(overrides?.enablePooling ?? this.config.enablePooling),
      maxRequestsPerConnection: overrides?.maxRequestsPerConnection ?? this.config.maxRequestsPerConnection,
      speaksHttp10: false
    }
  }
}

/** A target says nothing of host and port, whatever record it comes in. */
const partsOf = (target: Target): Target => {
  Options.check(target, { at: "target", names: ["tls", "socketPath", "localAddress"], guards: ["tls", "socketPath"] })
  return target
}

/** A copy: a part of a string keeps the whole of it in memory, with whatever secrets its query had. */
const detached = (text: string): string => decoder.decode(encoder.encode(text))

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Where a request goes, or why it goes nowhere. */
export const resolve = (
  origins: Origins,
  request: HttpClientRequest.HttpClientRequest,
  target: Target | undefined
): Destination | InvalidUrl => {
  const { url } = request
  const plain = request.urlParams.length === 0 && request.hash._tag === "None" ? PlainUrl.pathStart(url) : -1
  if (plain !== -1) {
    const origin = origins.written(url.slice(0, plain), target)
    if (origin !== undefined) return { origin, path: url.slice(plain), hash: "", request, authorization: undefined }
  }
  const parsed = parse(origins, request, target)
  if (plain !== -1 && !(parsed instanceof InvalidUrl)) origins.learn(url.slice(0, plain), parsed.origin, target)
  return parsed
}

/** {@link resolve}, by the URL parser. */
const parse = (
  origins: Origins,
  request: HttpClientRequest.HttpClientRequest,
  target: Target | undefined
): Destination | InvalidUrl => {
  if (hasControl(request.url)) return refused(request.url)
  const url = WrittenQuery.urlOf(request)
  if (url === undefined) return refused(request.url)
  let authorization: string | undefined
  if (url.username !== "" || url.password !== "") {
    authorization = basic(url)
    request = redacted(request)
  }
  const origin = origins.find(url, target)
  if (origin instanceof InvalidUrl) return origin
  const query = WrittenQuery.exactly(request.urlParams)
  const path = url.pathname + (query === undefined ? url.search : `?${query}`)
  return { origin, path, hash: url.hash, request, authorization }
}

/** What the URL parser would drop or escape without a word (CR, LF, TAB, NUL and their like). */
const hasControl = (url: string): boolean => {
  for (let i = 0; i < url.length; i++) {
    const code = url.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}

/** The pool's word on a URL that is none, which shows no user info wherever it may stand. */
const refused = (url: string): InvalidUrl => {
  const key = ConnectionKey.fromUrl(url)
  return key._tag === "Left" ? key.left : new InvalidUrl({ url: "", problem: "its parameters make it no URL" })
}

/** RFC 7617: user and password as UTF-8. */
const basic = (url: URL): string => {
  const credentials = `${decode(url.username)}:${decode(url.password)}`
  let latin1 = ""
  for (const byte of encoder.encode(credentials)) latin1 += String.fromCharCode(byte)
  return `Basic ${btoa(latin1)}`
}

/** User info that is no percent-encoding is meant as it is written. */
const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** As written, up to the last `@` before the path, as the URL parser reads it. */
const withoutUserInfo = (url: string): string => url.replace(/^(\s*[a-z][a-z0-9+.-]*:[/\\]*)[^/?#\\]*@/i, "$1")

/** Responses, and errors of a request that goes somewhere, show its URL. */
const redacted = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
  shownAs(request, withoutUserInfo(request.url))

/** The request with another URL, for an error to show. */
export const shownAs = (
  request: HttpClientRequest.HttpClientRequest,
  url: string
): HttpClientRequest.HttpClientRequest => (url === request.url ? request : HttpClientRequest.setUrl(request, url))
