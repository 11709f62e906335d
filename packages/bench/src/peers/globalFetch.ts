/** `fetch` as Node.js has it, on an agent of the undici package: its own cannot be bounded. */
import * as Effect from "effect/Effect"
import type * as Undici from "undici"
import {
  Count,
  checkBytes,
  checkHeader,
  checkJson,
  checkStatus,
  checkText,
  pieces,
  type Upload,
  type Work
} from "../Work.js"
import { inPromise, type Make } from "./Peer.js"
import { undiciAgent } from "./undiciAgent.js"

/** Node's `fetch` takes a dispatcher, although the types of the web do not know it. */
interface Init extends RequestInit {
  readonly dispatcher: Undici.Dispatcher
  readonly duplex?: "half"
}

const streamed = (upload: Upload): ReadableStream<Uint8Array> => {
  const all = pieces(upload)
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const { done, value } = all.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    }
  })
}

const run = (origin: string, dispatcher: Undici.Dispatcher, work: Work): (() => Promise<void>) => {
  const url = origin + work.path
  const get: Init = { dispatcher }
  const request = async (init: Init = get) => {
    const response = await fetch(url, init)
    checkStatus(work, response.status)
    return response
  }
  switch (work._tag) {
    case "Text":
      return async () => {
        const response = await request()
        if (work.header !== undefined) checkHeader(work, response.headers.get(work.header[0]))
        checkText(work, await response.text())
      }
    case "Collected":
      return async () => checkBytes(work, await (await request()).arrayBuffer())
    case "Streamed":
      return async () => {
        const { body } = await request()
        const count = new Count(work)
        const reader = body!.getReader()
        for (let next = await reader.read(); !next.done; next = await reader.read()) count.add(next.value)
        count.end()
      }
    case "Json":
      return async () => {
        const headers = { "content-type": "application/json" }
        const body = JSON.stringify(work.body)
        checkJson(work, await (await request({ dispatcher, method: "POST", headers, body })).json())
      }
    case "Upload":
      return async () => {
        const init: Init = { dispatcher, method: "PUT", body: streamed(work), duplex: "half" }
        checkText(work, await (await request(init)).text())
      }
  }
}

export const globalFetch: Make = (settings) =>
  Effect.map(undiciAgent(settings), (agent) => ({
    name: "fetch",
    operation: (work) => inPromise(run(settings.origin, agent, work))
  }))
