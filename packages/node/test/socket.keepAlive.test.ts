import * as Net from "node:net"
import { HttpClient } from "@effect/platform"
import { assert, beforeAll, describe, it, vi } from "@effect/vitest"
import { HttpSafety } from "@hotaru/client"
import { NodeConnector, NodePooledHttpClient } from "@hotaru/node"
import { Effect, type Scope } from "effect"
import { type Certificates, certificates } from "./support/certificates.js"
import { plain, secure } from "./support/dialling.js"
import { listen, listenTls } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

type Call = readonly [enable: boolean | undefined, millis: number | undefined]

/** What sockets were told; asking the operating system needs more than Node offers. */
const calls: Effect.Effect<Array<Call>, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const made: Array<Call> = []
    const original = Net.Socket.prototype.setKeepAlive
    const spy = vi.spyOn(Net.Socket.prototype, "setKeepAlive").mockImplementation(function (
      this: Net.Socket,
      enable,
      millis
    ) {
      made.push([enable, millis])
      return original.call(this, enable, millis)
    })
    return { made, spy }
  }),
  ({ spy }) => Effect.sync(() => spy.mockRestore())
).pipe(Effect.map(({ made }) => made))

describe.each(["tcp", "tls"] as const)("TCP keep-alive (%s)", (transport) => {
  const connected = (keepAlive?: NodeConnector.NodeConnectorOptions["keepAlive"]) =>
    Effect.gen(function* () {
      const { port } = transport === "tcp" ? yield* listen() : yield* listenTls(certs.server)
      const connector = yield* NodeConnector.make({ tls: { ca: certs.ca.cert }, keepAlive })
      return yield* connector.connect(transport === "tcp" ? plain(port) : secure(port))
    })

  it.scoped("is on after 60 seconds, can be changed while the connection is used, and goes back", () =>
    Effect.gen(function* () {
      const made = yield* calls
      const connection = yield* connected()
      connection.keepAlive?.(5000)
      connection.keepAlive?.(0)
      connection.keepAlive?.(undefined)
      assert.deepStrictEqual(made, [
        [true, 60_000],
        [true, 5000],
        [false, 0],
        [true, 60_000]
      ])
    })
  )

  it.scoped("goes back to never where the connector had said so", () =>
    Effect.gen(function* () {
      const made = yield* calls
      const connection = yield* connected(false)
      connection.keepAlive?.(5000)
      connection.keepAlive?.(undefined)
      assert.deepStrictEqual(made, [
        [true, 5000],
        [false, 0]
      ])
    })
  )

  it.scoped("is not touched on a connection that has closed", () =>
    Effect.gen(function* () {
      const made = yield* calls
      const connection = yield* connected()
      connection.destroy("test")
      connection.keepAlive?.(5000)
      assert.deepStrictEqual(made, [[true, 60_000]])
    })
  )
})

describe("HttpSafety.tcpKeepAlive", () => {
  it.scoped("holds for one call, and costs other calls on the same connection nothing", () =>
    Effect.gen(function* () {
      const made = yield* calls
      const { accepted, port } = yield* listen()
      yield* Effect.forkScoped(
        Effect.forever(
          Effect.map(accepted, (peer) =>
            peer.on("data", () => peer.write("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"))
          )
        )
      )
      const text = Effect.flatMap(HttpClient.get(`http://127.0.0.1:${port}/`), (response) => response.text)
      yield* Effect.gen(function* () {
        yield* text
        yield* HttpSafety.withLimits(text, { tcpKeepAlive: "10 seconds" })
        yield* HttpSafety.withLimits(text, { tcpKeepAlive: "off" })
        yield* text
      }).pipe(Effect.provide(NodePooledHttpClient.layer()))
      assert.deepStrictEqual(made, [
        [true, 60_000],
        [true, 10_000],
        [true, 60_000],
        [false, 0],
        [true, 60_000]
      ])
    })
  )
})
