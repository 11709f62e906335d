/**
 * What a value is, whichever realm or copy of a library made it: programs under a test runner, in `node:vm` or behind a
 * polyfill have constructors of their own, of which `instanceof` knows nothing.
 *
 * @internal
 */

/** A getter of the engine's own, which throws for all but the one kind of object it belongs to. */
const byteLengthOf = (prototype: object): (() => unknown) | undefined =>
  Object.getOwnPropertyDescriptor(prototype, "byteLength")?.get

const ofArrayBuffer = byteLengthOf(ArrayBuffer.prototype)
const ofSharedArrayBuffer =
  typeof SharedArrayBuffer === "undefined" ? undefined : byteLengthOf(SharedArrayBuffer.prototype)

const answers = (getter: (() => unknown) | undefined, value: unknown): boolean => {
  if (getter === undefined || typeof value !== "object" || value === null) return false
  try {
    getter.call(value)
    return true
  } catch {
    return false
  }
}

export const isAnyArrayBuffer = (value: unknown): value is ArrayBufferLike =>
  answers(ofArrayBuffer, value) || answers(ofSharedArrayBuffer, value)

/** Bytes of whatever kind, as a view of this realm, without a copy; `undefined` if it is something else. */
export const bytesIn = (value: unknown): Uint8Array | undefined => {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return isAnyArrayBuffer(value) ? new Uint8Array(value) : undefined
}

/** What the platform's classes call themselves, polyfills among them. */
const nameOf = (value: unknown): string =>
  typeof value === "object" && value !== null ? Object.prototype.toString.call(value).slice(8, -1) : ""

const has = (value: unknown, method: string): boolean => typeof Reflect.get(value as object, method) === "function"

export const isUrlSearchParams = (value: unknown): value is URLSearchParams => nameOf(value) === "URLSearchParams"

/** A `File` is one. */
export const isBlob = (value: unknown): value is Blob => {
  const name = nameOf(value)
  return (name === "Blob" || name === "File") && (has(value, "stream") || has(value, "arrayBuffer"))
}

export const isFormData = (value: unknown): value is FormData => nameOf(value) === "FormData" && has(value, "entries")

export const isReadableStream = (value: unknown): value is ReadableStream =>
  nameOf(value) === "ReadableStream" && has(value, "getReader")
