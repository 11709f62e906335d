import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as HttpClient from "@effect/platform/HttpClient"
import { RequestError } from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as ExchangeError from "@hotaru/client/ExchangeError"
import * as Effect from "effect/Effect"
import * as Content from "../src/soak/Content.js"
import { leaksOf } from "../src/soak/leaks.js"
import { isOnce, type Operation, operation } from "../src/soak/Operation.js"
import { perform } from "../src/soak/perform.js"
import { Arrivals } from "../src/soak/server.js"
import { Tally } from "../src/soak/Tally.js"
import { Verdict } from "../src/soak/Verdict.js"
import type { Rest } from "../src/soak/Watch.js"

const urls = { plain: "http://far.test", secure: "https://far.test" }

const get: Operation = {
  id: 7,
  secure: false,
  method: "GET",
  keyed: false,
  upload: "none",
  sent: 0,
  asked: 5000,
  framing: "length",
  pause: 0,
  reading: "at once",
  fate: "whole",
  millis: 0
}

/** A client whose every answer is this one. */
const answering = (init: { readonly id: number; readonly body: Uint8Array; readonly status?: number }) =>
  HttpClient.make((request) =>
    Effect.succeed(
      HttpClientResponse.fromWeb(
        request,
        new Response(new Uint8Array(init.body), { status: init.status ?? 200, headers: { "x-id": String(init.id) } })
      )
    )
  )

const failing = (cause: unknown) =>
  HttpClient.make((request) => Effect.fail(new RequestError({ request, reason: "Transport", cause })))

const broken = (safeToRetry: boolean) =>
  new ExchangeError.ConnectionBroken({
    reusedConnection: true,
    bytesWritten: 10,
    responseStarted: false,
    safeToRetry,
    fault: "peer",
    detail: "the peer closed it",
    during: "head"
  })

const judged = (client: HttpClient.HttpClient, change: Partial<Operation> = {}) =>
  Effect.map(perform({ ...get, ...change }, urls, client), ({ _tag }) => _tag)

describe("the soak judges", () => {
  it.live("its own answer as right, however it is read", () =>
    Effect.gen(function* () {
      const client = answering({ id: 7, body: Content.make(7, 5000) })
      assert.strictEqual(yield* judged(client), "Right")
      assert.strictEqual(yield* judged(client, { reading: "stream" }), "Right")
      assert.strictEqual(yield* judged(client, { fate: "unread" }), "GivenUp")
      assert.strictEqual(yield* judged(client, { fate: "first piece" }), "GivenUp")
    })
  )

  it.live("the answer to another request as wrong", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* judged(answering({ id: 8, body: Content.make(7, 5000) })), "Wrong")
      assert.strictEqual(yield* judged(answering({ id: 8, body: Content.make(7, 5000) }), { fate: "unread" }), "Wrong")
    })
  )

  it.live("content of another as wrong, and content that is shifted, too long or too short", () =>
    Effect.gen(function* () {
      const shifted = Content.make(7, 5001).subarray(1)
      for (const body of [Content.make(8, 5000), shifted, Content.make(7, 5001), Content.make(7, 4999)]) {
        assert.strictEqual(yield* judged(answering({ id: 7, body })), "Wrong")
        assert.strictEqual(yield* judged(answering({ id: 7, body }), { reading: "stream" }), "Wrong")
      }
    })
  )

  it.live("the beginning of the content as cut short only where nothing but the end delimits it", () =>
    Effect.gen(function* () {
      const client = answering({ id: 7, body: Content.make(7, 4000) })
      assert.strictEqual(yield* judged(client, { framing: "close" }), "CutShort")
      assert.strictEqual(yield* judged(client, { framing: "chunked" }), "Wrong")
    })
  )

  it.live("an error of ours as failed; any other, a defect, an unasked interruption and another status as wrong", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* judged(failing(broken(false))), "Failed")
      assert.strictEqual(yield* judged(failing(new Error("read ECONNRESET"))), "Wrong")
      assert.strictEqual(yield* judged(HttpClient.make(() => Effect.dieMessage("a bug"))), "Wrong")
      assert.strictEqual(yield* judged(HttpClient.make(() => Effect.interrupt)), "Wrong")
      assert.strictEqual(yield* judged(answering({ id: 7, body: Content.make(7, 5000), status: 400 })), "Wrong")
    })
  )

  it.live("an interrupted request as given up", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* judged(
          HttpClient.make(() => Effect.never),
          { fate: "interrupted" }
        ),
        "GivenUp"
      )
    })
  )

  it("what is called safe to send again as a claim, of requests that must not be carried out twice alone", () => {
    const tally = new Tally()
    const failed = Verdict.Failed({ name: "ConnectionBroken", safe: true })
    tally.add(get, failed)
    tally.add({ ...get, id: 8, method: "POST" }, failed)
    tally.add({ ...get, id: 9, method: "POST", keyed: true }, failed)
    tally.add({ ...get, id: 10, method: "PUT" }, Verdict.Failed({ name: "ConnectionBroken", safe: false }))
    assert.deepStrictEqual(tally.claims, [8])
  })
})

describe("the soak's requests", () => {
  const some = Array.from({ length: 20_000 }, (_, id) => operation(1, id))

  it("are the same for the same seed", () => {
    assert.deepStrictEqual(
      some.slice(0, 100),
      Array.from({ length: 100 }, (_, id) => operation(1, id))
    )
    assert.notDeepEqual(
      some.slice(0, 100),
      Array.from({ length: 100 }, (_, id) => operation(2, id))
    )
  })

  it("are of every kind", () => {
    const kinds = (of: (one: Operation) => unknown) => new Set(some.map(of)).size
    assert.strictEqual(
      kinds(({ method }) => method),
      4
    )
    assert.strictEqual(
      kinds(({ upload }) => upload),
      4
    )
    assert.strictEqual(
      kinds(({ framing }) => framing),
      3
    )
    assert.strictEqual(
      kinds(({ reading }) => reading),
      4
    )
    assert.strictEqual(
      kinds(({ fate }) => fate),
      5
    )
    assert.strictEqual(
      kinds((one) => `${one.secure} ${isOnce(one)}`),
      4
    )
  })
})

describe("the soak's server", () => {
  it("counts arrivals of ids beyond its first table", () => {
    const arrivals = new Arrivals()
    arrivals.add(5)
    arrivals.add(3_000_000)
    arrivals.add(3_000_000)
    assert.deepStrictEqual(
      [5, 6, 3_000_000, 9_000_000].map((id) => arrivals.of(id)),
      [1, 0, 2, 0]
    )
  })
})

describe("a leak", () => {
  const laps = (heap: (lap: number) => number, fibers: (lap: number) => number = () => 2): ReadonlyArray<Rest> =>
    Array.from({ length: 10 }, (_, lap) => ({
      seconds: lap,
      done: (lap + 1) * 10_000,
      heap: heap(lap),
      fibers: fibers(lap),
      sockets: 0,
      descriptors: 0,
      idle: 0,
      wrong: []
    }))

  it("is told from a heap that has grown at first, and from one that goes up and down", () => {
    assert.deepStrictEqual(leaksOf(laps((lap) => 40 + Math.min(lap, 2) * 10)), [])
    assert.deepStrictEqual(leaksOf(laps((lap) => 40 + (lap % 2) * 20)), [])
  })

  it("of 100 bytes a request is found, and one of a fiber", () => {
    assert.strictEqual(leaksOf(laps((lap) => 40 + lap)).length, 1)
    assert.strictEqual(
      leaksOf(
        laps(
          () => 40,
          (lap) => 2 + lap
        )
      ).length,
      1
    )
  })
})

describe("npm run soak", () => {
  const main = fileURLToPath(new URL("../src/soak.ts", import.meta.url))
  const soak = (...args: ReadonlyArray<string>) =>
    Effect.async<{ readonly status: number; readonly output: string }>((resume) => {
      const child = execFile(
        process.execPath,
        ["--import", "tsx", main, ...args],
        { timeout: 120_000 },
        (error, stdout, stderr) =>
          resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` }))
      )
      return Effect.sync(() => child.kill())
    })

  it.live(
    "finds nothing mixed up and nothing leaked in some hundreds of requests",
    () =>
      Effect.gen(function* () {
        const { output, status } = yield* soak("--requests", "500", "--seed", "3")
        assert.strictEqual(status, 0, output)
        assert.match(output, /\n500 requests in .* 0 wrong\. Seed 3\.\n/)
        assert.include(output, "requests a second")
      }),
    130_000
  )

  it.live(
    "says in a line what is wrong with its arguments",
    () =>
      Effect.gen(function* () {
        const { output, status } = yield* soak("--requests", "many")
        assert.strictEqual(status, 1)
        assert.include(output, "--requests must be a whole number from 1 to")
      }),
    60_000
  )
})
