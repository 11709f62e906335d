/**
 * Requests that can be printed: what a response and an error carry. They are sent like any other, headers and all, and
 * show no secret in `JSON.stringify`, `String` and `inspect`, where there is no fiber to ask which names are secret.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type * as UrlParams from "@effect/platform/UrlParams"
import * as FiberRefs from "effect/FiberRefs"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type { SecretNames } from "./secretNames.js"
import { redactFields, redactPairs, redactParams, redactUrl, type Secrets } from "./secrets.js"
import * as WrittenQuery from "./writtenQuery.js"

type Maker = new (request: HttpClientRequest, secrets: Secrets) => HttpClientRequest

/** What is secret to a printable request. */
const secretsOf = new WeakMap<HttpClientRequest, Secrets>()

/** By prototype: two copies of the platform have two. */
const makers = new WeakMap<object, Maker>()

/** The request, printing itself without what these names, and those in force where it is printed, call secret. */
export const printable = (request: HttpClientRequest, secrets: Secrets): HttpClientRequest => {
  const prototype: object = Object.getPrototypeOf(request)
  let Printable = makers.get(prototype)
  if (Printable === undefined) {
    Printable = makerOver(prototype)
    makers.set(prototype, Printable)
    // One that was printable before is made anew, and not on top of itself.
    makers.set(Printable.prototype, Printable)
  }
  const made = new Printable(request, secrets)
  secretsOf.set(made, secrets)
  return made
}

/** The platform exports no class of its requests: this one inherits whatever one of them does. */
const makerOver = (prototype: object): Maker => {
  class Printable {
    readonly #secrets: Secrets
    // What kills a process is printed by Node without asking the value how: enumerable properties, and nothing else.
    #headers!: Headers.Headers
    #urlParams!: UrlParams.UrlParams
    #hash!: Option.Option<string>

    constructor(request: HttpClientRequest, secrets: Secrets) {
      this.#secrets = secrets
      Object.assign(this, request, partsOf(request, secrets))
      this.#headers = request.headers
    }

    get headers(): Headers.Headers {
      return this.#headers
    }

    set headers(headers: Headers.Headers) {
      this.#headers = headers
    }

    get urlParams(): UrlParams.UrlParams {
      return this.#urlParams
    }

    set urlParams(urlParams: UrlParams.UrlParams) {
      this.#urlParams = urlParams
    }

    get hash(): Option.Option<string> {
      return this.#hash
    }

    set hash(hash: Option.Option<string>) {
      this.#hash = hash
    }

    toJSON(): object {
      const json: () => object = Reflect.get(prototype, "toJSON")
      const secrets = secretsHere(this.#secrets)
      return {
        ...json.call(this),
        urlParams: redactPairs(this.#urlParams, secrets),
        hash: Option.map(this.#hash, (hash) => redactParams(hash, secrets)),
        headers: redactFields(this.#headers, secrets)
      }
    }
  }
  Object.setPrototypeOf(Printable.prototype, prototype)
  return Printable as unknown as Maker
}

/**
 * The parts of the request's URL. Errors of the platform's show `url`: where it has secrets, they are kept beside it, in
 * parts that are sent just the same.
 */
const partsOf = (
  request: HttpClientRequest,
  secrets: Secrets
): Pick<HttpClientRequest, "url" | "urlParams" | "hash"> => {
  const { hash, url, urlParams } = request
  if (redactUrl(url, secrets) === url) return { url, urlParams, hash }
  const [, bare, query, fragment] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(url)!
  return {
    url: bare!,
    urlParams: query === undefined ? urlParams : WrittenQuery.pairsOf(query, { exact: false, rest: urlParams }),
    hash: Option.orElse(hash, () => Option.fromNullable(fragment))
  }
}

/** The URL that a printable request was made with, as a message shows it. */
export const shownUrl = (request: HttpClientRequest): string => {
  const { url, urlParams } = request
  const secrets = secretsOf.get(request)
  const query = WrittenQuery.queryOf(urlParams)
  return secrets === undefined || query === undefined || query === "" ? url : redactUrl(`${url}?${query}`, secrets)
}

/** The headers without what these names, and those in force where they are printed, call secret. */
export const printableHeaders = (headers: Headers.Headers, secrets: Secrets): Record<string, string> =>
  redactFields(headers, secretsHere(secrets))

const secretsHere = (secrets: Secrets): Secrets => {
  const here = Inspectable.redact(namesInForce)
  return here === namesInForce ? secrets : { ...secrets, headers: [...secrets.headers, ...(here as SecretNames)] }
}

/** What Effect's loggers ask what they print; its answer are the names of the fiber that logs. */
const namesInForce: Inspectable.Redactable = {
  [Inspectable.symbolRedactable]: (refs) => FiberRefs.getOrDefault(refs, Headers.currentRedactedNames)
}
