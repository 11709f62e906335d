import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Answers from "../src/answers.js"
import { contestant } from "../src/lineup.js"
import * as Peers from "../src/peers/index.js"
import { serve } from "../src/responder/serve.js"
import type { Work } from "../src/Work.js"

const OrderSchema = Schema.Struct({
  id: Schema.Number,
  customer: Schema.String,
  paid: Schema.Boolean,
  items: Schema.Array(Schema.Struct({ sku: Schema.String, title: Schema.String, quantity: Schema.Number }))
})

const chunk = Buffer.alloc(64 * 1024, 1)
const [fieldName, fieldValue] = Answers.header(20)

const works: ReadonlyArray<Work> = [
  { _tag: "Text", path: Answers.small.path, expected: Answers.small.text },
  { _tag: "Text", path: Answers.headers(50), expected: Answers.small.text, header: [fieldName, fieldValue] },
  { _tag: "Collected", path: Answers.bytes(300_000), bytes: 300_000 },
  { _tag: "Streamed", path: Answers.bytes(300_000), bytes: 300_000 },
  {
    _tag: "Json",
    path: Answers.echo,
    body: Answers.order,
    schema: OrderSchema as Schema.Schema<unknown, unknown>,
    isRight: (answer) => (answer as Answers.Order).items.length === Answers.order.items.length
  },
  { _tag: "Upload", path: Answers.upload, chunk, chunks: 20, expected: Answers.counted(20 * chunk.length) }
]

/** The same, with an answer expected that does not come. */
const spoilt = (work: Work): Work => {
  switch (work._tag) {
    case "Text":
    case "Upload":
      return { ...work, expected: "something else" }
    case "Collected":
    case "Streamed":
      return { ...work, bytes: work.bytes + 1 }
    case "Json":
      return { ...work, isRight: () => false }
  }
}

const responder = (options: Parameters<typeof serve>[0] = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => serve(options)),
    ({ close }) => Effect.sync(close)
  )

/** Nothing, if the peer does not do such work. */
const doing = (
  peer: Effect.Effect.Success<ReturnType<(typeof Peers.peers)["hotaru"]>>,
  work: Work,
  together: number
) => {
  const operation = peer.operation(work)
  return operation === undefined ? undefined : contestant(peer.name, operation, together)
}

describe.each(Peers.names)("the peer %s", (name) => {
  const peer = Peers.peers[name]

  it.scopedLive("does all it can of the work, on no more connections than it has", () =>
    Effect.gen(function* () {
      const { port, stats } = yield* responder()
      const made = yield* peer({ origin: `http://127.0.0.1:${port}`, connections: 3 })
      assert.strictEqual(made.name, name)
      let operations = 0
      for (const work of works) {
        const one = doing(made, work, 5)
        if (one === undefined) continue
        yield* one.run(10)
        operations += 10
        assert.isAbove(one.latency!().p50, 0)
      }
      const expected = name === "hotaru, forEachChunk" ? 10 : 60
      const { connections, requests } = stats()
      assert.deepStrictEqual(
        { operations, requests, connections },
        { operations: expected, requests: expected, connections: 3 }
      )
    })
  )

  it.scopedLive("notices a wrong answer", () =>
    Effect.gen(function* () {
      const { port } = yield* responder()
      const made = yield* peer({ origin: `http://127.0.0.1:${port}`, connections: 1 })
      const lost: Work = { _tag: "Streamed", path: "/nowhere", bytes: 0 }
      for (const work of [...works.map(spoilt), lost]) {
        const exit = yield* Effect.exit(doing(made, work, 1)?.run(1) ?? Effect.die("as it should"))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause), `${work._tag} ${work.path}`)
      }
    })
  )

  it.scopedLive("works over TLS, with the certificate it is told to trust and no other", () =>
    Effect.gen(function* () {
      const { stats, tls } = yield* responder({ tls: true })
      const other = yield* responder({ tls: true })
      const origin = `https://127.0.0.1:${tls!.port}`
      const work = works[3]!
      const made = yield* peer({ origin, connections: 1, tls: { ca: tls!.ca } })
      yield* doing(made, work, 1)!.run(2)
      assert.strictEqual(stats().requests, 2)
      const wary = yield* peer({ origin, connections: 1, tls: { ca: other.tls!.ca } })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(doing(wary, work, 1)!.run(1))))
      assert.strictEqual(stats().requests, 2)
    })
  )
})
