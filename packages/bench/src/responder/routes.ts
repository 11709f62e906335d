/** What is answered to which path: whole responses, made once each. */
import * as Answers from "../answers.js"

/** Text as a string of latin1, which is written faster than a buffer. */
export type Answer = string | Buffer

const head = (type: string, length: number, fields: ReadonlyArray<readonly [string, string]>): string =>
  [
    "HTTP/1.1 200 OK",
    `content-type: ${type}`,
    `content-length: ${length}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    "",
    ""
  ].join("\r\n")

const json = (text: string, fields: ReadonlyArray<readonly [string, string]> = []): string =>
  head("application/json", text.length, fields) + text

const binary = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(head("application/octet-stream", bytes.length, []), "latin1"), bytes])

const small = json(Answers.small.text)
const order = json(JSON.stringify(Answers.order))
const nothing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"

const make = (path: string): Answer => {
  const [, kind, size] = /^\/([a-z]+)(?:\/(\d+))?$/.exec(path) ?? []
  const count = Number(size)
  if (kind === "bytes") return binary(Answers.filled(count))
  // Two fields are there anyway.
  if (kind === "headers") {
    return json(
      Answers.small.text,
      Array.from({ length: count - 2 }, (_, i) => Answers.header(i))
    )
  }
  return nothing
}

const made = new Map<string, Answer>([
  [Answers.small.path, small],
  [Answers.echo, order]
])

/** The whole answer to a request for this path whose body had as many bytes. */
export const answer = (path: string, received: number): Answer => {
  if (path === Answers.upload) return json(Answers.counted(received))
  let found = made.get(path)
  if (found === undefined) {
    found = make(path)
    made.set(path, found)
  }
  return found
}
