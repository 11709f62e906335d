/** undici's `dispatch`: the least that it can do, a handler without streams and promises. */
import { Readable } from "node:stream"
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
  type Text,
  type Work
} from "../Work.js"
import { type Done, inCallback, type Make } from "./Peer.js"
import { undiciAgent } from "./undiciAgent.js"

/** What comes is handed to `onPiece`; its end, and any failure, to `done`. */
abstract class Handler implements Undici.Dispatcher.DispatchHandler {
  private failure: unknown

  constructor(
    protected readonly work: Work,
    private readonly done: Done
  ) {}

  abstract onPiece(piece: Buffer): void
  abstract onEnd(): void

  // Without it undici takes the handler for one of its older interface.
  onRequestStart(): void {}

  onResponseStart(
    controller: Undici.Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | Array<string> | undefined>
  ): void {
    try {
      checkStatus(this.work, status)
      if (this.work._tag === "Text" && this.work.header !== undefined)
        checkHeader(this.work, headers[this.work.header[0]])
    } catch (error) {
      controller.abort(error as Error)
    }
  }

  onResponseData(controller: Undici.Dispatcher.DispatchController, piece: Buffer): void {
    try {
      this.onPiece(piece)
    } catch (error) {
      controller.abort(error as Error)
    }
  }

  onResponseEnd(): void {
    try {
      this.onEnd()
    } catch (error) {
      this.failure = error
    }
    this.done(this.failure)
  }

  onResponseError(_: unknown, error: Error): void {
    this.done(error)
  }
}

class Joining extends Handler {
  private text = ""
  onPiece(piece: Buffer) {
    this.text += piece.toString("utf8")
  }
  onEnd() {
    if (this.work._tag === "Json") checkJson(this.work, JSON.parse(this.text))
    else checkText(this.work as Text, this.text)
  }
}

class Collecting extends Handler {
  private readonly pieces: Array<Buffer> = []
  onPiece(piece: Buffer) {
    this.pieces.push(piece)
  }
  onEnd() {
    if (this.work._tag === "Collected") checkBytes(this.work, Buffer.concat(this.pieces))
  }
}

class Counting extends Handler {
  private readonly count = new Count(this.work as Extract<Work, { readonly _tag: "Streamed" }>)
  onPiece(piece: Buffer) {
    this.count.add(piece)
  }
  onEnd() {
    this.count.end()
  }
}

const run = (origin: string, agent: Undici.Agent, work: Work): ((done: Done) => void) => {
  const { path } = work
  switch (work._tag) {
    case "Text":
      return (done) => agent.dispatch({ origin, path, method: "GET" }, new Joining(work, done))
    case "Collected":
      return (done) => agent.dispatch({ origin, path, method: "GET" }, new Collecting(work, done))
    case "Streamed":
      return (done) => agent.dispatch({ origin, path, method: "GET" }, new Counting(work, done))
    case "Json": {
      const headers = { "content-type": "application/json" }
      return (done) =>
        agent.dispatch(
          { origin, path, method: "POST", headers, body: JSON.stringify(work.body) },
          new Joining(work, done)
        )
    }
    case "Upload":
      return (done) =>
        agent.dispatch(
          { origin, path, method: "PUT", body: Readable.from(pieces(work), { objectMode: false }) },
          new Joining(work, done)
        )
  }
}

export const undiciDispatch: Make = (settings) =>
  Effect.map(undiciAgent(settings), (agent) => ({
    name: "undici dispatch",
    operation: (work) => inCallback(run(settings.origin, agent, work))
  }))
