/** A server's side of one connection: reads requests, answers as drawn, and watches what the client does. */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { FakeSocket } from "@hotaru/testing/FakeSocket"
import * as Wire from "@hotaru/testing/Wire"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Behaviour from "./Behaviour.js"
import * as Content from "./Content.js"
import type { Draw } from "./Draw.js"
import type { Ledger, Sighting } from "./Ledger.js"
import type { Plan } from "./Plan.js"
import type { Trace } from "./Trace.js"
import type { Troubles } from "./Troubles.js"

export interface World {
  readonly plan: Plan
  readonly draw: Draw
  readonly ledger: Ledger
  readonly trace: Trace
  readonly troubles: Troubles
  /** A connection to the host is about to be told open. */
  readonly onOpen: (key: ConnectionKey) => void
  /** Whether the connection is also used without the client. */
  readonly isDirect: (connection: number) => boolean
  /** How late things may be. Milliseconds. */
  readonly slack: number
}

type Step = Effect.Effect<void>

/** `Effect.never` holds a timer of the process, and an interruption in the wrong moment leaves that behind. */
const forever: Effect.Effect<never> = Effect.async(() => {})

/** Nothing at all if it takes no time. */
const pause = (millis: number): Step => (millis === 0 ? Effect.void : Effect.sleep(millis))

export class Server {
  /** What the server said of how it keeps the connection: how many more requests, until when. */
  private hints = { remaining: Infinity, until: Infinity }

  /** Whether bytes followed an answer that are no part of it, in the turn of its last byte. */
  private strayed = false

  constructor(
    private readonly world: World,
    private readonly socket: FakeSocket,
    /** Of the connection, in this run. */
    private readonly number: number
  ) {}

  /** Ends when the client has closed the connection, or the server has. */
  get serve(): Effect.Effect<void> {
    return Effect.raceFirst(this.exchanges, Effect.asVoid(this.socket.awaitDestroyed))
  }

  private readonly exchanges: Effect.Effect<void> = Effect.gen(this, function* () {
    for (let exchange = 1; this.isOpen; exchange++) {
      const { endsAfter, how } = Behaviour.idling(this.world.draw, this.world.plan)
      const head = yield* endsAfter === Infinity
        ? Effect.asSome(this.socket.takeHead)
        : Effect.timeoutOption(this.socket.takeHead, endsAfter)
      if (Option.isSome(head)) yield* this.exchange(head.value, exchange)
      else this.endIdle(how)
    }
  }).pipe(
    // The client has closed the connection: nothing is left to do.
    Effect.catchTag("FakeSocketClosed", () => Effect.void)
  )

  private get isOpen(): boolean {
    return !this.socket.ended && this.socket.destroyed === undefined
  }

  private note(text: string): void {
    this.world.trace.note(`server of ${this.number}: ${text}`)
  }

  private endIdle(how: Behaviour.Idling["how"]): void {
    if (!this.isOpen) return
    this.note(`idle for long: ${how}`)
    if (how === "fin") this.socket.endLater()
    else if (how === "reset") this.socket.resetLater()
    else {
      this.lie()
      // Whoever holds a lease answers for what comes on it.
      this.strayed ||= this.socket.parked
      this.socket.send("!")
    }
  }

  private lie(): void {
    this.world.ledger.lying.add(this.number)
  }

  private exchange(head: Wire.WireRequest, exchange: number) {
    return Effect.gen(this, function* () {
      const { draw, ledger, plan } = this.world
      const id = head.header("x-id") ?? this.world.trace.broken("well-formed requests", `${head.target} has no id`)
      const seen = ledger.arrived(id, Number(head.header("x-most")), this.number)
      if (seen.heads > 1 + seen.sentBack && exchange > 1)
        this.world.trace.broken("fresh connection", `${id} was sent again on ${this.number}, which was used before`)
      const answer = Behaviour.answer(draw, plan)
      this.mustHeed(id)
      this.note(`${head.method} ${id}, its exchange ${exchange}: ${describe(answer)}`)
      if (answer.stale !== undefined && exchange > 1) return this.end(answer.stale)
      if (answer.gaveUp && exchange > 1) {
        this.send(Content.whole(id, 408, 0, { connection: "close" }), false)
        this.end("fin")
        return
      }
      if (!(yield* this.readBody(head, id, answer, seen))) return
      if (answer.streams !== undefined && head.method !== "HEAD") return yield* this.stream(id, answer.streams)
      yield* this.answer(head, id, answer)
    })
  }

  /** Answers whether an answer is to follow. */
  private readBody(head: Wire.WireRequest, id: string, answer: Behaviour.Answer, seen: Sighting) {
    return Effect.gen(this, function* () {
      const { draw } = this.world
      const expects = head.header("expect") !== undefined
      if (expects && answer.expect === "refuse417") {
        seen.sentBack++
        this.send(Content.whole(id, 417, 0, { connection: "close" }), false)
        this.end("fin")
        return false
      }
      if (expects && answer.expect === "answer") {
        yield* this.early(head, id, 403)
        return false
      }
      if (expects && answer.expect === "continue") this.send(Wire.interim(100), answer.atOnce)
      const hasBody = head.header("transfer-encoding") !== undefined || Number(head.header("content-length") ?? 0) > 0
      if (!hasBody || answer.upload === "read") {
        this.check(yield* this.socket.takeBody(head), id)
        return true
      }
      switch (answer.upload) {
        case "refuse":
          yield* this.early(head, id, 413)
          return false
        case "answerEarly":
          // The rest of the request still comes; its answer is out already.
          this.send(Content.whole(id, 200, 20, {}), answer.atOnce)
          this.check(yield* this.socket.takeBody(head), id)
          return false
        case "stopReading":
          this.socket.holdWrites(draw.pick([0, 50]))
          yield* forever
          return false
        case "loseWrites":
          this.socket.failWrites({ inputGoesOn: draw.chance(0.5) })
          yield* Effect.sleep(draw.int(1, 100))
          yield* this.early(head, id, 413)
          return false
        default: {
          this.socket.holdWrites(draw.pick([0, 50]))
          for (let releases = draw.int(1, 5); releases > 0; releases--) {
            yield* Effect.sleep(draw.int(1, 200))
            this.socket.releaseWrites(draw.int(1, 40))
          }
          this.socket.releaseWrites()
          this.check(yield* this.socket.takeBody(head), id)
          return true
        }
      }
    })
  }

  private check(request: Wire.WireRequest, id: string): void {
    if (!Content.isUpload(id, request.text))
      this.world.trace.broken("well-formed requests", `the body of ${id} is not its own: ${request.text.slice(0, 60)}`)
  }

  /** An answer before the request has come altogether; the connection ends with it. */
  private early(head: Wire.WireRequest, id: string, status: number): Step {
    return Effect.sync(() => {
      if (!this.isOpen) return
      const length = head.method === "HEAD" ? 0 : 30
      this.send(Content.whole(id, status, length, { connection: "close" }), false)
      this.end("fin")
    })
  }

  private answer(head: Wire.WireRequest, id: string, answer: Behaviour.Answer): Step {
    return Effect.gen(this, function* () {
      yield* pause(answer.delay)
      const { fault } = answer
      if (fault === "hang") return yield* forever
      if (fault === "finBeforeHead" || fault === "resetBeforeHead" || fault === "resetLosing")
        return this.end(fault === "finBeforeHead" ? "fin" : "reset", fault === "resetLosing")
      for (const status of answer.interim) {
        this.send(Wire.interim(status), answer.atOnce)
        yield* pause(answer.gap)
      }
      const { bytes, closing, cutAt, follows, overlong } = Content.encode(head.method, id, answer)
      if (Content.lies.has(fault)) this.lie()
      const pieces = Content.cut(bytes.subarray(0, cutAt), answer.pieces)
      for (const [at, piece] of pieces.entries()) {
        if (at > 0) yield* pause(answer.gap)
        if (!this.isOpen) return
        // Before the last byte: until then the client cannot know that it may go on.
        if (at === pieces.length - 1 && cutAt === bytes.length) this.mustWait(id)
        // What nobody asked for comes in one segment with the last byte, or right behind it.
        const joined = follows !== undefined && !answer.atOnce && at === pieces.length - 1
        this.send(joined ? Wire.join(piece, follows) : piece, answer.atOnce)
      }
      if (!this.isOpen) return
      this.hint(answer.keepAlive)
      this.strayed ||= follows !== undefined || (overlong && answer.gap === 0)
      if (follows !== undefined && answer.atOnce) this.socket.sendLater(follows)
      else if (closing !== undefined) this.end(closing)
      else if (answer.halfCloses) this.end("fin")
    })
  }

  /** Piece after piece, until the connection ends or the run does. */
  private stream(id: string, gap: number): Step {
    const { trace, troubles } = this.world
    return Effect.gen(this, function* () {
      this.note(`a stream without an end, every ${gap} ms`)
      troubles.endless.add(id)
      this.send(
        Wire.head({
          headers: [
            ["x-id", id],
            ["transfer-encoding", "chunked"]
          ]
        }),
        true
      )
      troubles.streams.set(this.number, trace.now())
      while (this.isOpen && !troubles.isOver) {
        this.send("2\r\nhi\r\n", false)
        yield* Effect.sleep(gap)
      }
      this.end("reset")
    }).pipe(Effect.ensuring(Effect.sync(() => troubles.streams.delete(this.number))))
  }

  /** Nothing may be written on a connection before the answer to what came before has ended. */
  private mustWait(id: string): void {
    if (this.socket.untaken.length > 0)
      this.world.trace.broken("one exchange a connection", `more was written on ${this.number} before ${id} had ended`)
  }

  private hint(keepAlive = ""): void {
    const value = (name: string) => Number(new RegExp(`${name}=(\\d+)`).exec(keepAlive)?.[1] ?? Infinity)
    const remaining = Math.min(this.hints.remaining - 1, value("max"))
    this.hints = { remaining, until: this.world.trace.now() + value("timeout") * 1000 }
  }

  /** What the server said of the connection is heeded, and what it sent beside its answers. */
  private mustHeed(id: string): void {
    if (this.strayed)
      this.world.trace.broken(
        "leftovers end a connection",
        `${id} came on ${this.number}, behind bytes nobody asked for`
      )
    const { remaining, until } = this.hints
    // Time on a lease on which nothing is sent is no idleness to the pool.
    const late = this.world.isDirect(this.number) ? 0 : this.world.trace.now() - until
    if (remaining <= 0 || late > this.world.slack)
      this.world.trace.broken("hints are heeded", `${id} came on ${this.number}, ${remaining} left, ${late} ms late`)
  }

  private send(data: Uint8Array | string, atOnce: boolean): void {
    if (!this.isOpen) return
    if (atOnce) this.socket.send(data)
    else this.socket.sendLater(data)
  }

  private end(how: "fin" | "reset", loseUnread = false): void {
    if (!this.isOpen) return
    this.note(how)
    if (how === "fin") this.socket.endLater()
    else this.socket.resetLater({ loseUnread })
  }
}

const describe = (answer: Behaviour.Answer): string =>
  `${answer.fault === "none" ? "" : `${answer.fault}, `}${answer.status}, ${answer.length} bytes (${answer.framing}) in ${answer.pieces} pieces every ${answer.gap} ms after ${answer.delay} ms`
