/** What is answered to which path: whole responses, made once each. */
import * as Answers from "../answers.js"

const response = (body: string | Buffer, fields: ReadonlyArray<readonly [string, string]> = []): Buffer => {
  const bytes = Buffer.from(body as string)
  const type = typeof body === "string" ? "application/json" : "application/octet-stream"
  const lines = [["content-type", type], ["content-length", bytes.length], ...fields]
  const head = `HTTP/1.1 200 OK\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`
  return Buffer.concat([Buffer.from(head, "latin1"), bytes])
}

const small = response(Answers.small.text)
const order = response(JSON.stringify(Answers.order))
const nothing = Buffer.from("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "latin1")

const make = (path: string): Buffer => {
  const [, kind, size] = /^\/([a-z]+)(?:\/(\d+))?$/.exec(path) ?? []
  const count = Number(size)
  if (kind === "bytes") return response(Answers.filled(count))
  // Two fields are there anyway.
  if (kind === "headers") {
    return response(
      Answers.small.text,
      Array.from({ length: count - 2 }, (_, i) => Answers.header(i))
    )
  }
  return nothing
}

const made = new Map<string, Buffer>([
  [Answers.small.path, small],
  [Answers.echo, order]
])

/** The whole answer to a request for this path whose body had as many bytes. */
export const answer = (path: string, received: number): Buffer => {
  if (path === Answers.upload) return response(Answers.counted(received))
  let found = made.get(path)
  if (found === undefined) {
    found = make(path)
    made.set(path, found)
  }
  return found
}
