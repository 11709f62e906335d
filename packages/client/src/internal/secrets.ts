/**
 * What the program calls secret, in header fields and in URLs, and how the rest of a URL or a field is shown.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import type * as Context from "effect/Context"
import type * as FiberRef from "effect/FiberRef"
import { hidden, isNamed, isSecret, type SecretNames } from "./secretNames.js"

export interface Secrets {
  /** Names of header fields, beside those that are secret always. */
  readonly headers: SecretNames
  /** Names of parameters in URLs. The names of header fields are secret there, too. */
  readonly params: SecretNames
}

export const defaults: SecretNames = [
  "AWSAccessKeyId",
  "Signature",
  "sig",
  "X-Amz-Signature",
  "X-Amz-Credential",
  "X-Amz-Security-Token",
  "X-Goog-Signature",
  "token",
  "access_token",
  "api_key",
  "key",
  "password",
  "secret"
]

export const validate = (params: SecretNames): void => {
  if (Array.isArray(params) && params.every((one) => typeof one === "string" || one instanceof RegExp)) return
  throw new InvalidPoolConfig({ field: "secretParams", value: params, expected: "a list of strings and patterns" })
}

/** The part of a fiber that says what is secret to it. */
interface Fiber {
  readonly getFiberRef: <A>(ref: FiberRef.FiberRef<A>) => A
  readonly currentContext: Context.Context<never>
}

/** By name: the reference's own module is built on this one. */
const reference = "@hotaru/client/SecretParams"

/** What is secret to the programs that use one client. */
export class SecretsInForce {
  private last: Secrets | undefined = undefined

  /** @param params those of the client's layer. */
  constructor(private readonly params: SecretNames) {}

  of(fiber: Fiber): Secrets {
    const headers = fiber.getFiberRef(Headers.currentRedactedNames)
    const params = (fiber.currentContext.unsafeMap.get(reference) as SecretNames | undefined) ?? this.params
    const { last } = this
    if (last !== undefined && last.headers === headers && last.params === params) return last
    this.last = { headers, params }
    return this.last
  }
}

/** What is shown for the value of a secret parameter: the word of OpenTelemetry. */
const hiddenParam = "REDACTED"

const isSecretName = (name: string, { headers, params }: Secrets): boolean =>
  isNamed(name, params) || isSecret(name, headers)

/** The name as it is written: percent-encoded, or one of several in brackets, as `auth[token]`. */
const isSecretParam = (written: string, secrets: Secrets): boolean => {
  const name = decoded(written).trim()
  if (isSecretName(name, secrets)) return true
  return name.includes("[") && name.split(/[[\]]+/).some((part) => part !== "" && isSecretName(part, secrets))
}

const decoded = (text: string): string => {
  if (!/[%+]/.test(text)) return text
  const spaced = text.replaceAll("+", " ")
  try {
    return decodeURIComponent(spaced)
  } catch {
    // What is no UTF-8 hides nothing of the ASCII around it.
    return spaced.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
}

const userInfo = /((?:^|:)[/\\]{2})[^/\\?#\s"<>]*@/g

const withoutUserInfo = (text: string): string => (text.includes("@") ? text.replace(userInfo, "$1") : text)

/** A URL inside a parameter of a URL inside a parameter ...: further down nothing is looked for. */
const deepest = 3

/** A query or a fragment, without the mark before it. */
export const redactParams = (text: string, secrets: Secrets, depth = 0): string => {
  const open = withoutUserInfo(text)
  if (!/[=%]/.test(open)) return open
  const params = open.split("&")
  for (let i = 0; i < params.length; i++) params[i] = redactParam(params[i]!, secrets, depth)
  return params.join("&")
}

/**
 * What stands between two `&`. Some servers take `;` for a separator, and a URL may stand in a parameter as it is: a
 * secret name may begin after such a mark. Its value goes up to the end, because to others the mark is a part of it.
 */
const redactParam = (param: string, secrets: Secrets, depth: number): string => {
  const first = param.indexOf("=")
  for (let from = 0, equals = first; equals !== -1; equals = param.indexOf("=", from)) {
    if (isSecretParam(afterMarks(param.slice(from, equals)), secrets)) return param.slice(0, equals + 1) + hiddenParam
    const mark = param.slice(equals + 1).search(/[?;#]/)
    if (mark === -1) break
    from = equals + 1 + mark + 1
  }
  const value = param.slice(first + 1)
  // An `=`, an `@` or a `%` that is percent-encoded: another URL may be in there.
  if (depth === deepest || !/%(?:3d|40|25)/i.test(value)) return param
  const inner = decoded(value)
  return redactParams(inner, secrets, depth + 1) === inner ? param : param.slice(0, first + 1) + hiddenParam
}

const afterMarks = (text: string): string =>
  text.slice(Math.max(text.lastIndexOf("?"), text.lastIndexOf(";"), text.lastIndexOf("#")) + 1)

/** A URL, a reference or a target, without the values of its secret parameters. */
export const redactUrl = (url: string, secrets: Secrets): string => {
  const hash = url.indexOf("#")
  const bare = hash === -1 ? url : url.slice(0, hash)
  const query = bare.indexOf("?")
  if (hash === -1 && query === -1) return url
  const shown = query === -1 ? bare : bare.slice(0, query + 1) + redactParams(bare.slice(query + 1), secrets)
  return hash === -1 ? shown : `${shown}#${redactParams(url.slice(hash + 1), secrets)}`
}

/** Parameters that are kept beside a URL. */
export const redactPairs = (
  pairs: ReadonlyArray<readonly [string, string]>,
  secrets: Secrets
): ReadonlyArray<readonly [string, string]> =>
  pairs.map(([name, value]) => [
    name,
    // A value may hold another parameter, after whatever mark: it is looked at as the value of a name that says nothing.
    isSecretParam(name, secrets) ? hiddenParam : redactParams(`=${value}`, secrets).slice(1)
  ])

/** Fields that are one URL, blanks and all. */
const urls = new Set(["location", "content-location", "referer"])

/** The value of a field as it is shown. Any may name a URL. */
export const redactField = (name: string, value: string, secrets: Secrets): string => {
  if (isSecret(name, secrets.headers)) return hidden
  const open = withoutUserInfo(value)
  if (!/[?#]/.test(open)) return open
  return urls.has(name.toLowerCase())
    ? redactUrl(open, secrets)
    : open.replace(/[^\s"<>]+/g, (url) => redactUrl(url, secrets))
}

/** The headers with what is secret hidden, as a plain object. */
export const redactFields = (headers: Headers.Headers, secrets: Secrets): Record<string, string> => {
  const shown: Array<[string, string]> = []
  for (const name of Object.keys(headers)) shown.push([name, redactField(name, headers[name]!, secrets)])
  // Not by assignment: `__proto__` is a name like any other.
  return Object.fromEntries(shown)
}
