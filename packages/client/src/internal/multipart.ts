/**
 * `multipart/form-data` (RFC 7578) with one boundary a request, so that sending it again sends the same bytes.
 *
 * @internal
 */
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

export const encode = (formData: FormData): Multipart => {
  const boundary = `----hotaru-${crypto.randomUUID()}`
  const parts: Array<Uint8Array | Blob> = []
  let text = ""
  const flush = () => {
    if (text !== "") parts.push(encoder.encode(text))
    text = ""
  }
  for (const [name, value] of formData as unknown as Iterable<[string, string | File]>) {
    text += `--${boundary}\r\ncontent-disposition: form-data; name="${escapeName(name)}"`
    if (typeof value === "string") {
      text += `\r\n\r\n${value.replace(/\r\n|\r|\n/g, "\r\n")}\r\n`
    } else {
      text += `; filename="${escapeName(value.name)}"\r\ncontent-type: ${value.type === "" ? "application/octet-stream" : value.type}\r\n\r\n`
      flush()
      parts.push(value)
      text = "\r\n"
    }
  }
  text += `--${boundary}--\r\n`
  flush()
  let length = 0
  for (const part of parts) length += part instanceof Uint8Array ? part.length : part.size
  const files = parts.some((part) => !(part instanceof Uint8Array))
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    parts,
    length,
    bytes: files ? undefined : concat(parts as ReadonlyArray<Uint8Array>)
  }
}

export const toStream = (multipart: Multipart): Stream.Stream<Uint8Array, unknown> =>
  Stream.flatMap(Stream.fromIterable(multipart.parts), (part) =>
    part instanceof Uint8Array ? Stream.succeed(part) : fromBlob(part)
  )

export const fromBlob = (blob: Blob): Stream.Stream<Uint8Array, unknown> =>
  Stream.fromReadableStream(
    () => blob.stream() as ReadableStream<Uint8Array>,
    (cause) => cause
  )
