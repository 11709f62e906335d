/** `undici.request`. */
import { Readable } from "node:stream"
import * as Effect from "effect/Effect"
import * as Undici from "undici"
import { Count, checkBytes, checkHeader, checkJson, checkStatus, checkText, pieces, type Work } from "../Work.js"
import { inPromise, type Make } from "./Peer.js"
import { undiciAgent } from "./undiciAgent.js"

const run = (origin: string, agent: Undici.Agent, work: Work): (() => Promise<void>) => {
  const url = origin + work.path
  const request = async (
    options: Omit<Undici.Dispatcher.RequestOptions, "origin" | "path" | "method"> & {
      method?: Undici.Dispatcher.HttpMethod
    } = {}
  ) => {
    const response = await Undici.request(url, { ...options, dispatcher: agent })
    checkStatus(work, response.statusCode)
    return response
  }
  switch (work._tag) {
    case "Text":
      return async () => {
        const { body, headers } = await request()
        if (work.header !== undefined) checkHeader(work, headers[work.header[0]])
        checkText(work, await body.text())
      }
    case "Collected":
      return async () => checkBytes(work, await (await request()).body.arrayBuffer())
    case "Streamed":
      return async () => {
        const { body } = await request()
        const count = new Count(work)
        for await (const piece of body) count.add(piece)
        count.end()
      }
    case "Json":
      return async () => {
        const headers = { "content-type": "application/json" }
        const { body } = await request({ method: "POST", headers, body: JSON.stringify(work.body) })
        checkJson(work, await body.json())
      }
    case "Upload":
      return async () => {
        const { body } = await request({ method: "PUT", body: Readable.from(pieces(work), { objectMode: false }) })
        checkText(work, await body.text())
      }
  }
}

export const undiciRequest: Make = (settings) =>
  Effect.map(undiciAgent(settings), (agent) => ({
    name: "undici.request",
    operation: (work) => inPromise(run(settings.origin, agent, work))
  }))
