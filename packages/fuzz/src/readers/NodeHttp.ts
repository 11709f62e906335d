/** `node:http` itself, over a wire of ours: what holds `NodeParser` to it. */
import * as http from "node:http"
import type { Socket } from "node:net"
import type { Case } from "../Case.js"
import type { ReadHead, Reading } from "../Reading.js"
import { tell } from "./Story.js"

const headOf = (message: {
  readonly statusCode?: number | undefined
  readonly statusMessage?: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: ReadonlyArray<string>
}): ReadHead => ({
  status: message.statusCode ?? 0,
  reason: message.statusMessage ?? "",
  version: message.httpVersion,
  rawHeaders: message.rawHeaders
})

export const read = (given: Case, end: number | undefined): Promise<Reading> =>
  tell(given, end, (wire, story) => {
    const request = http.request({
      method: given.method,
      path: given.method === "CONNECT" ? "example.com:443" : "/",
      headers: given.upgrade ? { Connection: "upgrade", Upgrade: "websocket" } : { Connection: "keep-alive" },
      createConnection: () => wire as unknown as Socket,
      maxHeaderSize: 16 * 1024 * 1024
    })
    const handOver = (response: http.IncomingMessage) => {
      story.head = headOf(response)
      story.keep = false
      story.complete = true
    }
    if (given.method === "CONNECT") request.on("connect", handOver)
    else if (given.upgrade) request.on("upgrade", handOver)
    request.on("information", (information) => story.interim.push(headOf(information)))
    request.on("response", (response) => {
      story.head = headOf(response)
      story.keep = request.shouldKeepAlive
      response.on("data", (chunk: Buffer) => {
        story.body += chunk.toString("latin1")
      })
      response.on("end", () => {
        story.trailers = response.rawTrailers
        story.complete = response.complete
      })
      response.on("error", (error) => story.refuse(error, given.bytes.length))
    })
    request.on("error", (error) => story.refuse(error, given.bytes.length))
    request.on("close", () => story.refuse({ code: "CLOSED", message: "closed before an answer" }, given.bytes.length))
    request.end()
    return () => {
      request.destroy()
    }
  })
