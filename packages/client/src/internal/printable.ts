/**
 * Requests that can be printed: what a response and an error carry. They are sent like any other, headers and all, and
 * show no secret in `JSON.stringify`, `String` and `inspect`, where there is no fiber to ask which names are secret.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as FiberRefs from "effect/FiberRefs"
import * as Inspectable from "effect/Inspectable"
import { redact, type SecretNames } from "./secretNames.js"

type Maker = new (request: HttpClientRequest, named: SecretNames) => HttpClientRequest

/** By prototype: two copies of the platform have two. */
const makers = new WeakMap<object, Maker>()

/** The request, printing itself without what these names, and those in force where it is printed, call secret. */
export const printable = (request: HttpClientRequest, named: SecretNames): HttpClientRequest => {
  const prototype: object = Object.getPrototypeOf(request)
  let Printable = makers.get(prototype)
  if (Printable === undefined) {
    Printable = makerOver(prototype)
    makers.set(prototype, Printable)
    // One that was printable before is made anew, and not on top of itself.
    makers.set(Printable.prototype, Printable)
  }
  return new Printable(request, named)
}

/** The platform exports no class of its requests: this one inherits whatever one of them does. */
const makerOver = (prototype: object): Maker => {
  class Printable {
    readonly #named: SecretNames
    // What kills a process is printed by Node without asking the value how: enumerable properties, and nothing else.
    #headers!: Headers.Headers

    constructor(request: HttpClientRequest, named: SecretNames) {
      this.#named = named
      Object.assign(this, request)
      this.#headers = request.headers
    }

    get headers(): Headers.Headers {
      return this.#headers
    }

    set headers(headers: Headers.Headers) {
      this.#headers = headers
    }

    toJSON(): object {
      const json: () => object = Reflect.get(prototype, "toJSON")
      return { ...json.call(this), headers: printableHeaders(this.#headers, this.#named) }
    }
  }
  Object.setPrototypeOf(Printable.prototype, prototype)
  return Printable as unknown as Maker
}

/** The headers without what these names, and those in force where they are printed, call secret. */
export const printableHeaders = (headers: Headers.Headers, named: SecretNames): Record<string, string> => {
  const here = Inspectable.redact(namesInForce)
  return redact(headers, here === namesInForce ? named : [...named, ...(here as SecretNames)])
}

/** What Effect's loggers ask what they print; its answer are the names of the fiber that logs. */
const namesInForce: Inspectable.Redactable = {
  [Inspectable.symbolRedactable]: (refs) => FiberRefs.getOrDefault(refs, Headers.currentRedactedNames)
}
