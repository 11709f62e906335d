/**
 * `multipart/form-data` (RFC 7578) with one boundary a request, so that sending it again sends the same bytes.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { concat } from "./bytes.js"

export interface Multipart {
  readonly contentType: string
  readonly parts: ReadonlyArray<Uint8Array | Blob>
  readonly length: number
  /** The whole of it, where no file is in it. */
  readonly bytes: Uint8Array | undefined
}

const encoder = new TextEncoder()

/** As the HTML standard writes names into a header: only what would end the quoted string or the line is escaped. */
const escapeName = (name: string): string => name.replace(/\r\n|\n|\r/g, "%0D%0A").replace(/"/g, "%22")

/**
 * The type of a form: that of its header, where the caller has set one, with a boundary if it names none.
 * @returns a problem, if no server could read the form by it.
 */
const typeOf = (given: string | undefined): { readonly contentType: string; readonly boundary: string } | string => {
  const own = `----hotaru-${crypto.randomUUID()}`
  if (given === undefined) return { contentType: `multipart/form-data; boundary=${own}`, boundary: own }
  const end = given.indexOf(";")
  const type = (end === -1 ? given : given.slice(0, end)).trim()
  if (!/^multipart\/[^\s,]+$/i.test(type)) {
    return `a form is sent as multipart/form-data, not as ${type}: leave the header out, and it is set with its boundary`
  }
  let boundary: string | undefined
  let rest = end === -1 ? "" : given.slice(end)
  while (rest !== "") {
    const found = parameter.exec(rest)
    if (found === null) return "its parameters cannot be read"
    if (found[1]?.toLowerCase() === "boundary") {
      if (boundary !== undefined) return "it names two boundaries"
      boundary = found[2] ?? found[3]!.replace(/\\(.)/g, "$1")
      if (!validBoundary.test(boundary))
        return "its boundary is not 1 to 70 of the characters that RFC 2046 section 5.1.1 allows"
    }
    rest = rest.slice(found[0].length)
  }
  return boundary === undefined
    ? { contentType: `${given.replace(/[;\s]+$/, "")}; boundary=${own}`, boundary: own }
    : { contentType: given, boundary }
}

/** A parameter, or none behind its semicolon: `; name=value`, `; name="value"`, `;`. */
const parameter = /^[ \t]*;[ \t]*(?:([^\s;=",]+)=(?:([^\s;",]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*(?=;|$)/

const validBoundary = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/

/** @returns a problem, where the caller's `content-type` would make the form unreadable. */
export const encode = (formData: FormData, givenType: string | undefined): Multipart | string => {
  const type = typeOf(givenType)
  if (typeof type === "string") return type
  const { boundary, contentType } = type
  const parts: Array<Uint8Array | Blob> = []
  let text = ""
  let delimiters = 0
  const flush = () => {
    if (text !== "") parts.push(encoder.encode(text))
    text = ""
  }
  const add = (piece: string): void => {
    // A caller's own boundary may stand in what it is to bound.
    if (givenType !== undefined && piece.includes(`--${boundary}`)) delimiters++
    text += piece
  }
  for (const [name, value] of formData.entries() as Iterable<[string, string | File]>) {
    text += `--${boundary}\r\ncontent-disposition: form-data; name="`
    add(escapeName(name))
    if (typeof value === "string") {
      text += `"\r\n\r\n`
      add(value.replace(/\r\n|\r|\n/g, "\r\n"))
      text += "\r\n"
    } else {
      text += `"; filename="`
      add(escapeName(value.name))
      text += `"\r\ncontent-type: ${value.type === "" ? "application/octet-stream" : value.type}\r\n\r\n`
      flush()
      parts.push(value)
      text = "\r\n"
    }
  }
  if (delimiters > 0) return "its boundary stands in the form itself: choose another, or leave it out"
  text += `--${boundary}--\r\n`
  flush()
  let length = 0
  for (const part of parts) length += isBytes(part) ? part.length : part.size
  const files = !parts.every(isBytes)
  return {
    contentType,
    parts,
    length,
    bytes: files ? undefined : concat(parts as ReadonlyArray<Uint8Array>)
  }
}

const isBytes = (part: Uint8Array | Blob): part is Uint8Array => ArrayBuffer.isView(part)

export const toStream = (multipart: Multipart): Stream.Stream<Uint8Array, unknown> =>
  Stream.flatMap(Stream.fromIterable(multipart.parts), (part) =>
    isBytes(part) ? Stream.succeed(part) : fromBlob(part)
  )

export const fromBlob = (blob: Blob): Stream.Stream<Uint8Array, unknown> =>
  typeof blob.stream === "function"
    ? Stream.fromReadableStream(
        () => blob.stream() as ReadableStream<Uint8Array>,
        (cause) => cause
      )
    : // Some polyfills have no other way.
      Stream.fromEffect(
        Effect.tryPromise({ try: async () => new Uint8Array(await blob.arrayBuffer()), catch: (cause) => cause })
      )
