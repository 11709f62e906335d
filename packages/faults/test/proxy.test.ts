import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Census from "../src/Census.js"
import { drawn } from "../src/proxy/drawn.js"
import { Fault, type Script } from "../src/proxy/Fault.js"
import * as FaultProxy from "../src/proxy/FaultProxy.js"

/** What a socket got, and how it ended. */
class Heard {
  bytes = Buffer.alloc(0)
  end: "fin" | "reset" | undefined = undefined

  constructor(readonly socket: Net.Socket) {
    socket.on("data", (bytes: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, bytes])
    })
    socket.on("end", () => {
      this.end = "fin"
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNRESET") this.end = "reset"
    })
  }

  get text(): string {
    return this.bytes.toString("latin1")
  }
}

interface Stage {
  readonly client: Heard
  readonly server: Heard
  readonly proxy: FaultProxy.FaultProxy
}

const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.flatMap(Census.turnUntil(holds, 200_000), (held) => (held ? Effect.void : Effect.dieMessage("it never came")))

/** A client and a server, and the proxy between them. */
const stage = (script: Script): Effect.Effect<Stage, never, Scope.Scope> =>
  Effect.gen(function* () {
    let server: Heard | undefined
    const listener = Net.createServer({ allowHalfOpen: true }, (socket) => {
      server = new Heard(socket)
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void listener.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.async<void>((resume) => {
          server?.socket.destroy()
          listener.close(() => resume(Effect.void))
        })
    )
    const upstream = (listener.address() as Net.AddressInfo).port
    const proxy = yield* FaultProxy.make({ upstream, script: () => script })
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => new Heard(Net.connect({ host: "127.0.0.1", port: proxy.port, allowHalfOpen: true }))),
      ({ socket }) => Effect.sync(() => socket.destroy())
    )
    yield* until(() => server !== undefined)
    return { client, server: server!, proxy }
  })

const at = (direction: "request" | "response", at: number, fault: Fault): Script => ({
  steps: [{ direction, at, fault }]
})

describe("the proxy", () => {
  it.scopedLive("hands everything on, both ways, and an end too", () =>
    Effect.gen(function* () {
      const { client, proxy, server } = yield* stage({ steps: [] })
      const long = "x".repeat(3_000_000)
      client.socket.end(long)
      yield* until(() => server.end === "fin")
      assert.strictEqual(server.text, long)
      server.socket.end("bye")
      yield* until(() => client.end === "fin" && proxy.open() === 0)
      assert.strictEqual(client.text, "bye")
    })
  )

  it.scopedLive("cuts after just so many bytes", () =>
    Effect.gen(function* () {
      const { client, server } = yield* stage(at("response", 5, Fault.Cut()))
      server.socket.write("hello")
      yield* until(() => client.text === "hello")
      assert.strictEqual(client.end, undefined)
      server.socket.write(" world")
      yield* until(() => client.end === "fin" && server.end === "fin")
      assert.strictEqual(client.text, "hello")
    })
  )

  it.scopedLive("resets both sides, behind what it has handed on", () =>
    Effect.gen(function* () {
      const { client, server } = yield* stage(at("request", 3, Fault.Reset()))
      client.socket.write("abcdef")
      yield* until(() => client.end === "reset" && server.end === "reset")
      assert.strictEqual(server.text, "abc")
    })
  )

  it.scopedLive("ends the client's side alone, and hands on what the client goes on saying", () =>
    Effect.gen(function* () {
      const { client, server } = yield* stage(at("request", 3, Fault.HalfClose()))
      client.socket.write("abcdef")
      yield* until(() => client.end === "fin" && server.text === "abcdef")
      server.socket.write("in vain")
      client.socket.write("ghi")
      yield* until(() => server.text === "abcdefghi")
      assert.strictEqual(client.text, "")
      assert.strictEqual(server.end, undefined)
    })
  )

  it.scopedLive("flips the bits it is told to, and no others", () =>
    Effect.gen(function* () {
      const { client, server } = yield* stage(at("response", 1, Fault.Corrupt({ bytes: 2, mask: 0x20 })))
      server.socket.write("aaa")
      server.socket.write("aaa")
      yield* until(() => client.bytes.length === 6)
      assert.strictEqual(client.text, "aAAaaa")
    })
  )

  it.scopedLive("says nothing and reads nothing in a blackhole, and has a fault strike at a place of its own", () =>
    Effect.gen(function* () {
      const { client, proxy, server } = yield* stage(at("request", 4, Fault.Blackhole({ millis: Infinity })))
      client.socket.write("abcdef")
      yield* proxy.untilStruck
      server.socket.write("unheard")
      // More than the kernels hold: a proxy that read on would take it all.
      client.socket.write(Buffer.alloc(32 * 1024 * 1024))
      yield* Effect.repeatN(Census.turn, 200)
      assert.isAbove(client.socket.writableLength, 0)
      assert.strictEqual(server.text, "abcd")
      assert.deepStrictEqual([client.text, client.end], ["", undefined])
      assert.strictEqual(proxy.struck.Blackhole, 1)
    })
  )

  it.scopedLive("slows down without changing or losing anything, with a slow reader as well", () =>
    Effect.gen(function* () {
      const { client, server } = yield* stage({
        steps: [
          { direction: "response", at: 10, fault: Fault.Delay({ millis: 2 }) },
          { direction: "response", at: 20, fault: Fault.Throttle({ bytes: 40_000, millis: 1 }) }
        ]
      })
      const long = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => index % 251))
      server.socket.end(long)
      client.socket.pause()
      yield* Effect.repeatN(Census.turn, 50)
      client.socket.resume()
      yield* until(() => client.end === "fin")
      assert.isTrue(client.bytes.equals(long))
    })
  )

  it.scopedLive("strikes at once, and arms what is open with places that count from now", () =>
    Effect.gen(function* () {
      const { client, proxy, server } = yield* stage({ steps: [] })
      server.socket.write("before")
      yield* until(() => client.text === "before")
      proxy.arm([{ direction: "response", at: 2, fault: Fault.Inject({ text: "!" }) }])
      server.socket.write("after")
      yield* until(() => client.text === "beforeaf!ter")
      proxy.strike(Fault.Cut())
      yield* until(() => client.end === "fin")
    })
  )

  it.scopedLive("strikes a connection as soon as it is accepted", () =>
    Effect.gen(function* () {
      const { client } = yield* stage({ accepted: Fault.Reset(), steps: [] })
      yield* until(() => client.end === "reset")
    })
  )
})

describe("scripts drawn from a seed", () => {
  const scripts = (seed: number, secure = false) =>
    Array.from({ length: 500 }, (_, index) => drawn(seed, secure)(index))
  const tags = (of: ReadonlyArray<Script>) => new Set(of.flatMap(({ steps }) => steps.map(({ fault }) => fault._tag)))

  it("are the same for the same seed, and others for another", () => {
    assert.deepStrictEqual(scripts(1), scripts(1))
    assert.notDeepEqual(scripts(1), scripts(2))
  })

  it("hold every fault, and damage bytes only where TLS will notice", () => {
    const all = ["Blackhole", "Cut", "Delay", "HalfClose", "Reset", "Throttle"]
    assert.sameMembers([...tags(scripts(1))], all)
    assert.sameMembers([...tags(scripts(1, true))], [...all, "Corrupt"])
  })

  it("leave some connections alone", () => {
    const harmless = scripts(1).filter(({ accepted, steps }) => accepted === undefined && steps.length === 0)
    assert.isAbove(harmless.length, 100)
    assert.isBelow(harmless.length, 300)
  })
})
