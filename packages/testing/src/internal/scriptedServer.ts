/**
 * Serves a fake socket, one request after the other.
 */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { FakeSocket } from "../FakeSocket.js"
import type { Handler, Reply, ScriptedServer, ScriptedServerOptions, ServedRequest, Step } from "../ScriptedServer.js"
import type { WireRequest } from "../Wire.js"
import { toBytes } from "./bytes.js"
import type { FakeSocketClosed } from "./socketClosed.js"
import { WireRequestImpl } from "./wireRequest.js"
import { encodeHead } from "./wireResponse.js"

type ReplyStep = Uint8Array | string | Step

const isLast = (step: ReplyStep): boolean =>
  typeof step === "object" && "_tag" in step && (step._tag === "End" || step._tag === "Reset" || step._tag === "Hang")

class ServedRequestImpl extends WireRequestImpl implements ServedRequest {
  constructor(
    request: WireRequest,
    readonly key: ConnectionKey,
    readonly socket: FakeSocket,
    readonly connection: number,
    readonly exchange: number
  ) {
    super(request.method, request.target, request.version, request.headers, request.body, request.trailers)
  }
}

class ScriptedServerImpl implements ScriptedServer {
  readonly requests: Array<ServedRequest> = []
  readonly perConnection: Array<number> = []

  constructor(
    private readonly handler: Handler,
    private readonly options: ScriptedServerOptions
  ) {}

  readonly serve = (socket: FakeSocket, key: ConnectionKey): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.perConnection.push(0)
      return Effect.ignore(this.exchanges(socket, key, this.perConnection.length))
    })

  private exchanges(socket: FakeSocket, key: ConnectionKey, connection: number): Effect.Effect<void, FakeSocketClosed> {
    return Effect.gen(this, function* () {
      for (let exchange = 1; !socket.ended; exchange++) {
        const head = yield* this.nextHead(socket)
        if (Option.isNone(head)) return this.over(socket)
        const read = yield* this.readBody(socket, head.value)
        if (read === undefined) return this.over(socket)
        const request = new ServedRequestImpl(read, key, socket, connection, exchange)
        this.requests.push(request)
        this.perConnection[connection - 1] = exchange
        const answer = this.handler(request)
        const reply: unknown = Effect.isEffect(answer) ? yield* answer : answer
        if (!isReply(reply)) throw new Error(this.noReply(request, reply))
        yield* this.play(socket, reply)
        if (exchange === this.options.closeAfter && !socket.ended) socket.endLater()
      }
    })
  }

  private noReply({ connection, exchange, method, target }: ServedRequest, reply: unknown): string {
    const name = this.handler.name === "" ? "the handler" : `the handler "${this.handler.name}"`
    const returned = reply === undefined ? "nothing" : `${String(reply)} (${typeof reply})`
    return (
      `${name} of a ScriptedServer returned ${returned} for ${method} ${target}, request ${exchange} on connection ` +
      `${connection}; it has to return bytes, text, a step, or an array of them (Wire.ok("..."), ScriptedServer.hang)`
    )
  }

  /** None: nothing came for as long as the server keeps idle connections. */
  private nextHead(socket: FakeSocket): Effect.Effect<Option.Option<WireRequest>, FakeSocketClosed> {
    const { idleTimeout } = this.options
    return idleTimeout === undefined
      ? Effect.asSome(socket.takeHead)
      : Effect.timeoutOption(socket.takeHead, idleTimeout)
  }

  /** Undefined: the head got a final answer, and its body is not wanted. */
  private readBody(socket: FakeSocket, head: WireRequest): Effect.Effect<WireRequest | undefined, FakeSocketClosed> {
    return Effect.suspend(() => {
      if (head.header("expect")?.toLowerCase() !== "100-continue") return socket.takeBody(head)
      const answer = this.options.onExpect?.(head) ?? encodeHead({ status: 100 })
      this.send(socket, answer)
      const interim = /^HTTP\/1\.1 1/.test(String.fromCharCode(...answer.subarray(0, 10)))
      return interim ? socket.takeBody(head) : Effect.succeed(undefined)
    })
  }

  private play(socket: FakeSocket, reply: Reply): Effect.Effect<void> {
    return Effect.suspend(() => {
      const steps: ReadonlyArray<ReplyStep> = Array.isArray(reply) ? reply : [reply as ReplyStep]
      if (steps.slice(0, -1).some(isLast)) throw new Error("a reply goes on behind a step that ends it")
      return Effect.forEach(steps, (step) => this.step(socket, step), { discard: true })
    })
  }

  private step(socket: FakeSocket, step: ReplyStep): Effect.Effect<void> {
    // The test itself may have ended the connection while the server waited.
    if (socket.ended) return Effect.void
    if (typeof step === "string" || step instanceof Uint8Array) return Effect.sync(() => this.send(socket, step))
    switch (step._tag) {
      case "Send":
        return Effect.sync(() => this.send(socket, step.bytes))
      case "Wait":
        return Effect.sleep(step.duration)
      case "End":
        return Effect.sync(() => this.over(socket))
      case "Reset":
        return Effect.sync(() => (this.options.later === true ? socket.resetLater() : socket.reset()))
      case "Do":
        return step.effect
      case "Hang":
        return Effect.never
    }
  }

  private send(socket: FakeSocket, data: Uint8Array | string): void {
    const bytes = toBytes(data)
    for (const piece of this.options.cut?.(bytes) ?? [bytes]) {
      if (this.options.later === true) socket.sendLater(piece)
      else socket.send(piece)
    }
  }

  private over(socket: FakeSocket): void {
    if (this.options.later === true) socket.endLater()
    else socket.end()
  }
}

const tags = new Set(["Send", "Wait", "End", "Reset", "Do", "Hang"])

const isStep = (step: unknown): step is ReplyStep =>
  typeof step === "string" ||
  step instanceof Uint8Array ||
  (typeof step === "object" && step !== null && "_tag" in step && tags.has(String(step._tag)))

const isReply = (reply: unknown): reply is Reply => (Array.isArray(reply) ? reply.every(isStep) : isStep(reply))

export const makeServer = (handler: Handler, options: ScriptedServerOptions): ScriptedServer =>
  new ScriptedServerImpl(handler, options)
