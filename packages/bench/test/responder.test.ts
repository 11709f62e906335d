import * as net from "node:net"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Answers from "../src/answers.js"
import { Requests } from "../src/responder/Requests.js"
import { answer } from "../src/responder/routes.js"
import { type Options, serve } from "../src/responder/serve.js"

const found = (pieces: ReadonlyArray<Buffer>) => {
  const requests: Array<readonly [string, number]> = []
  const parser = new Requests((path, received) => requests.push([path, received]))
  for (const piece of pieces) parser.push(piece)
  return requests
}

const stream = Buffer.from(
  [
    "GET /small HTTP/1.1\r\nhost: a.test\r\n\r\n",
    "POST /echo HTTP/1.1\r\nContent-Length: 11\r\n\r\nGET / \r\n\r\n!",
    "PUT /upload HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nGET /\r\n1a\r\nabcdefghijklmnopqrst\r\n\r\nuv\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
    "PUT /upload HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n",
    "GET /bytes/3 HTTP/1.1\r\n\r\n"
  ].join("")
)

const all: Array<readonly [string, number]> = [
  ["/small", 0],
  ["/echo", 11],
  ["/upload", 31],
  ["/echo", 0],
  ["/upload", 3],
  ["/bytes/3", 0]
]

describe("the responder", () => {
  it("finds the end of each request and the size of its body, however they are cut", () => {
    assert.deepStrictEqual(found([stream]), all)
    for (let at = 0; at <= stream.length; at++) {
      assert.deepStrictEqual(found([stream.subarray(0, at), stream.subarray(at)]), all, `cut at ${at}`)
    }
    assert.deepStrictEqual(found(Array.from(stream, (byte) => Buffer.of(byte))), all)
  })

  it("takes no nonsense for a chunk", () => {
    assert.throws(() => found([Buffer.from("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")]), /zz/)
  })

  it("answers what its paths say", () => {
    const [head, body] = String(answer(Answers.headers(50), 0)).split("\r\n\r\n")
    assert.strictEqual(head!.split("\r\n").length, 1 + 50)
    assert.include(head, Answers.header(47).join(": "))
    assert.strictEqual(body, Answers.small.text)
    const bytes = answer(Answers.bytes(1000), 0) as Buffer
    assert.deepStrictEqual([bytes.at(-1), bytes.at(-1000)], [Answers.byteAt(999), 0])
    assert.match(String(answer(Answers.upload, 31)), /\r\n\r\n\{"bytes":31\}$/)
    assert.isTrue(String(answer("/nowhere", 0)).startsWith("HTTP/1.1 404 "))
    assert.approximately(JSON.stringify(Answers.order).length, 1024, 100)
  })

  it.live("answers each of the same and other requests, in order, whole or cut, and counts them", () =>
    Effect.promise(async () => {
      const { close, port, stats } = await serve()
      const socket = net.connect(port, "127.0.0.1")
      /** The body of the next answer. */
      const send = (request: string) =>
        new Promise<string>((resolve, reject) => {
          socket.once("error", reject)
          socket.once("data", (bytes) => resolve(bytes.toString("latin1").split("\r\n\r\n")[1]!))
          socket.write(request, "latin1")
        })
      const get = "GET /small HTTP/1.1\r\n\r\n"
      const put = "PUT /upload HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
      const { text } = Answers.small
      assert.deepStrictEqual([await send(get), await send(get)], [text, text])
      assert.deepStrictEqual([await send(put), await send(put)], [Answers.counted(3), Answers.counted(3)])
      assert.strictEqual(await send(get), text)
      // The beginning of another request, which then ends with what was a whole one.
      const cut = `PUT /upload HTTP/1.1\r\ncontent-length: ${get.length}\r\n\r\n`
      await new Promise((resolve) => socket.write(cut, resolve))
      assert.strictEqual(await send(get), Answers.counted(get.length))
      assert.strictEqual(stats().requests, 6)
      close()
    })
  )

  /** Whether a second connection resumed the session of the first. */
  const resumes = (options: Options) =>
    Effect.acquireUseRelease(
      Effect.promise(() => serve({ ...options, tls: true })),
      ({ stats, tls: over }) =>
        Effect.promise(async () => {
          const { ca, port } = over!
          const get = (session?: Buffer) =>
            new Promise<Buffer | undefined>((resolve, reject) => {
              let ticket: Buffer | undefined
              const socket = tls.connect({ host: "127.0.0.1", port, ca, ...(session === undefined ? {} : { session }) })
              socket.on("error", reject)
              socket.on("session", (told) => {
                ticket = told
              })
              socket.on("data", () => socket.end())
              socket.on("close", () => resolve(ticket))
              socket.write("GET /small HTTP/1.1\r\n\r\n")
            })
          await get(await get())
          const { handshakes, resumed } = stats()
          return { handshakes, resumed }
        }),
      ({ close }) => Effect.sync(close)
    )

  it.live("lets TLS sessions be resumed, unless told otherwise, and counts those that were", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* resumes({}), { handshakes: 2, resumed: 1 })
      assert.deepStrictEqual(yield* resumes({ tickets: false }), { handshakes: 2, resumed: 0 })
    })
  )

  it.live("ends its connections when it is closed", () =>
    Effect.promise(async () => {
      const { close, port, stats } = await serve()
      const socket = net.connect(port, "127.0.0.1")
      await new Promise((resolve) => {
        socket.once("data", resolve)
        socket.write("GET /small HTTP/1.1\r\n\r\n")
      })
      assert.strictEqual(stats().open, 1)
      const closed = new Promise((resolve) => socket.once("close", resolve))
      close()
      await closed
    })
  )
})
