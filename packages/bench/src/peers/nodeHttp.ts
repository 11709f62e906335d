/** `node:http` and `node:https`, with an agent that keeps its sockets. */
import * as http from "node:http"
import * as https from "node:https"
import { pipeline, Readable } from "node:stream"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
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
import { type Done, inCallback, type Make, type Settings } from "./Peer.js"

/** What Effect's layer on `node:http` is given too. */
export const agentOptions = ({ connections, tls }: Settings): https.AgentOptions => ({
  keepAlive: true,
  maxSockets: connections,
  maxFreeSockets: connections,
  ...(tls === undefined ? {} : { ca: tls.ca })
})

const agent = (settings: Settings): Effect.Effect<http.Agent, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const options = agentOptions(settings)
      return settings.tls === undefined ? new http.Agent(options) : new https.Agent(options)
    }),
    (agent) => Effect.sync(() => agent.destroy())
  )

type Read = (response: http.IncomingMessage, done: Done) => void

const finishing = (onEnd: () => void, done: Done) => () => {
  try {
    onEnd()
    done()
  } catch (error) {
    done(error)
  }
}

const joining =
  (onText: (text: string) => void): Read =>
  (response, done) => {
    let text = ""
    response.setEncoding("utf8")
    response.on("data", (piece: string) => {
      text += piece
    })
    response.on(
      "end",
      finishing(() => onText(text), done)
    )
  }

const reading = (work: Work): Read => {
  switch (work._tag) {
    case "Text":
      return (response, done) =>
        joining((text) => {
          if (work.header !== undefined) checkHeader(work, response.headers[work.header[0]])
          checkText(work, text)
        })(response, done)
    case "Upload":
      return joining((text) => checkText(work, text))
    case "Json":
      return joining((text) => checkJson(work, JSON.parse(text)))
    case "Collected":
      return (response, done) => {
        const pieces: Array<Buffer> = []
        response.on("data", (piece: Buffer) => pieces.push(piece))
        response.on(
          "end",
          finishing(() => checkBytes(work, Buffer.concat(pieces)), done)
        )
      }
    case "Streamed":
      return (response, done) => {
        const count = new Count(work)
        response.on("data", count.add)
        response.on(
          "end",
          finishing(() => count.end(), done)
        )
      }
  }
}

const send = (request: http.ClientRequest, work: Work): void => {
  if (work._tag === "Json") {
    const body = Buffer.from(JSON.stringify(work.body))
    request.setHeader("content-type", "application/json")
    request.setHeader("content-length", body.length)
    request.end(body)
  } else if (work._tag === "Upload") {
    pump(request, work)
  } else {
    request.end()
  }
}

const pump = (request: http.ClientRequest, upload: Upload): void => {
  // A failure reaches the request's own listener.
  pipeline(Readable.from(pieces(upload), { objectMode: false }), request, () => {})
}

const methods = { Text: "GET", Collected: "GET", Streamed: "GET", Json: "POST", Upload: "PUT" } as const

export const nodeHttp: Make = (settings) =>
  Effect.map(agent(settings), (agent) => ({
    name: "node:http",
    operation: (work) => {
      const url = settings.origin + work.path
      const options = { agent, method: methods[work._tag] }
      const start = settings.tls === undefined ? http.request : https.request
      const read = reading(work)
      return inCallback((done) => {
        const request = start(url, options, (response) => {
          try {
            checkStatus(work, response.statusCode)
            response.on("error", done)
            read(response, done)
          } catch (error) {
            done(error)
          }
        })
        request.on("error", done)
        send(request, work)
      })
    }
  }))
