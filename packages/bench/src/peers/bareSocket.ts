/**
 * The floor: sockets with one permanent listener each, one write for each request that fits in one, `indexOf` for the
 * head's end. It checks nothing that the work does not ask for, and knows no answer but one with a content-length.
 */
import * as net from "node:net"
import * as tls from "node:tls"
import * as Effect from "effect/Effect"
import { Count, checkBytes, checkHeader, checkJson, checkText, type Upload, type Work } from "../Work.js"
import { type Done, inCallback, type Make, type Settings } from "./Peer.js"

/** What one kind of work makes of a body. */
interface Reader {
  readonly onHead?: (head: string) => void
  readonly onPiece: (piece: Buffer) => void
  readonly onEnd: () => void
}

interface Exchange {
  /** All of the request, or its head if pieces follow. */
  readonly request: string
  readonly encoding: "latin1" | "utf8"
  readonly upload?: Upload
  readonly reader: Reader
  readonly done: Done
}

class BareSocket {
  private exchange: Exchange | undefined
  private head: Buffer | undefined
  private left = -1

  constructor(
    private readonly socket: net.Socket,
    private readonly onFree: (socket: BareSocket) => void,
    private readonly onGone: (socket: BareSocket) => void
  ) {
    socket.setNoDelay(true)
    socket.on("data", (bytes: Buffer) => this.onBytes(bytes))
    socket.on("error", (error) => this.end(error))
    socket.on("close", () => this.end(new Error("the socket was closed")))
  }

  send(exchange: Exchange): void {
    this.exchange = exchange
    this.socket.write(exchange.request, exchange.encoding)
    if (exchange.upload !== undefined) this.pump(exchange.upload, 0)
  }

  destroy(): void {
    this.exchange = undefined
    this.socket.destroy()
  }

  private onBytes(bytes: Buffer): void {
    const { exchange } = this
    if (exchange === undefined) throw new Error("bytes that nobody asked for")
    try {
      const piece = this.left < 0 ? this.onHead(bytes, exchange) : bytes
      if (piece === undefined) return
      this.left -= piece.length
      if (piece.length > 0) exchange.reader.onPiece(piece)
      if (this.left > 0) return
      if (this.left < 0) throw new Error("more bytes than were announced")
      exchange.reader.onEnd()
      this.left = -1
      this.end()
    } catch (error) {
      this.end(error)
    }
  }

  /** Answers with what there is of the body as soon as the head is whole. */
  private onHead(bytes: Buffer, { reader }: Exchange): Buffer | undefined {
    const pending = this.head === undefined ? bytes : Buffer.concat([this.head, bytes])
    const end = pending.indexOf("\r\n\r\n")
    if (end < 0) {
      this.head = pending
      return undefined
    }
    this.head = undefined
    const head = pending.toString("latin1", 0, end + 2)
    if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(head.slice(0, head.indexOf("\r\n")))
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)
    if (length === null) throw new Error("no content-length")
    this.left = Number(length[1])
    reader.onHead?.(head)
    return pending.subarray(end + 4)
  }

  /** As many pieces as the socket takes; the others when it has room. */
  private pump(upload: Upload, from: number): void {
    const size = `${upload.chunk.length.toString(16)}\r\n`
    for (let i = from; i < upload.chunks; i++) {
      this.socket.cork()
      this.socket.write(i === 0 ? size : `\r\n${size}`, "latin1")
      const hasRoom = this.socket.write(upload.chunk)
      this.socket.uncork()
      if (!hasRoom) {
        this.socket.once("drain", () => this.pump(upload, i + 1))
        return
      }
    }
    this.socket.write("\r\n0\r\n\r\n", "latin1")
  }

  private end(failure?: unknown): void {
    const { exchange } = this
    this.exchange = undefined
    if (failure === undefined) {
      this.onFree(this)
    } else {
      this.socket.destroy()
      this.onGone(this)
    }
    exchange?.done(failure)
  }
}

const headOf = (method: string, { origin }: Settings, path: string, fields = ""): string =>
  `${method} ${path} HTTP/1.1\r\nhost: ${new URL(origin).host}\r\nconnection: keep-alive\r\n${fields}\r\n`

type Make1 = (done: Done) => Exchange

const joined = (onText: (text: string) => void): Reader => {
  let text = ""
  return {
    // A character cut in two by the end of a piece: none of the answers has one that can be.
    onPiece: (piece) => {
      text += piece.toString("utf8")
    },
    onEnd: () => onText(text)
  }
}

/** One contiguous piece of memory, as the others answer it. */
const collected = (onBytes: (bytes: Uint8Array) => void): Reader => {
  const pieces: Array<Buffer> = []
  return { onPiece: (piece) => void pieces.push(piece), onEnd: () => onBytes(Buffer.concat(pieces)) }
}

const exchangeOf = (settings: Settings, work: Work): Make1 => {
  const get = (reader: () => Reader): Make1 => {
    const request = headOf("GET", settings, work.path)
    return (done) => ({ request, encoding: "latin1", reader: reader(), done })
  }
  switch (work._tag) {
    case "Text": {
      const { header } = work
      const field = header === undefined ? "" : `\r\n${header[0]}: `
      const onHead = (head: string) => {
        const value = head.indexOf(field) + field.length
        checkHeader(work, head.slice(value, head.indexOf("\r\n", value)))
      }
      return get(() => ({
        ...(header === undefined ? {} : { onHead }),
        ...joined((text) => checkText(work, text))
      }))
    }
    case "Collected":
      return get(() => collected((bytes) => checkBytes(work, bytes)))
    case "Streamed":
      return get(() => {
        const count = new Count(work)
        return { onPiece: count.add, onEnd: () => count.end() }
      })
    case "Json":
      return (done) => {
        const body = JSON.stringify(work.body)
        const fields = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
        const reader = joined((text) => checkJson(work, JSON.parse(text)))
        return { request: headOf("POST", settings, work.path, fields) + body, encoding: "utf8", reader, done }
      }
    case "Upload": {
      const request = headOf("PUT", settings, work.path, "transfer-encoding: chunked\r\n")
      const reader = () => joined((text) => checkText(work, text))
      return (done) => ({ request, encoding: "latin1", upload: work, reader: reader(), done })
    }
  }
}

export const bareSocket: Make = (settings) =>
  Effect.gen(function* () {
    const sockets = new Set<BareSocket>()
    let free: Array<BareSocket> = []
    const waiting: Array<Exchange> = []
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
      })
    )

    const onFree = (socket: BareSocket) => {
      const next = waiting.shift()
      if (next === undefined) free.push(socket)
      else socket.send(next)
    }
    const onGone = (socket: BareSocket) => {
      sockets.delete(socket)
      free = free.filter((other) => other !== socket)
      const next = waiting.shift()
      if (next !== undefined) send(next)
    }
    const open = (): BareSocket => {
      const { hostname: host, port } = new URL(settings.origin)
      const socket =
        settings.tls === undefined
          ? net.connect({ host, port: Number(port) })
          : tls.connect({ host, port: Number(port), ca: settings.tls.ca })
      const opened = new BareSocket(socket, onFree, onGone)
      sockets.add(opened)
      return opened
    }
    const send = (exchange: Exchange) => {
      const socket = free.pop() ?? (sockets.size < settings.connections ? open() : undefined)
      if (socket === undefined) waiting.push(exchange)
      else socket.send(exchange)
    }
    return {
      name: "bare socket",
      operation: (work) => {
        const exchange = exchangeOf(settings, work)
        return inCallback((done) => send(exchange(done)))
      }
    }
  })
