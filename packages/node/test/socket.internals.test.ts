import { AsyncLocalStorage, AsyncResource } from "node:async_hooks"
import { EventEmitter } from "node:events"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnector } from "@hotaru/node"
import { Effect, Queue } from "effect"
import { nodeContexts } from "../src/internal/asyncContexts.js"
import {
  forgetWriteError,
  isWriteError,
  keepReadingAfterWriteError,
  mayHoldStores,
  putStores,
  takeStores,
  wasReset
} from "../src/internal/nodeInternals.js"
import { plain } from "./support/dialling.js"
import { record } from "./support/recorder.js"
import { listen } from "./support/servers.js"

/** Each of these fails if Node changes what we touch of it without a word in its documentation. */
describe("what we touch of Node's insides", () => {
  const raw = (port: number) =>
    Effect.acquireRelease(
      Effect.async<Net.Socket>((resume) => {
        const socket = Net.connect({ host: "127.0.0.1", port, allowHalfOpen: true }, () =>
          resume(Effect.succeed(socket))
        )
        socket.on("error", () => {})
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )

  it.scoped("a socket destroys itself on a write error, unless autoDestroy is off", () =>
    Effect.gen(function* () {
      const outcome = (keep: boolean) =>
        Effect.gen(function* () {
          const { accepted, port } = yield* listen()
          const socket = yield* raw(port)
          const peer = yield* Queue.take(accepted)
          if (keep) keepReadingAfterWriteError(socket)
          return yield* Effect.async<{ readonly destroyed: boolean; readonly ofWrite: boolean }>((resume) => {
            socket.on("error", (cause) =>
              resume(Effect.succeed({ destroyed: socket.destroyed, ofWrite: isWriteError(socket, cause) }))
            )
            peer.once("data", () => {
              peer.resetAndDestroy()
              socket.write("y")
            })
            socket.write("x")
          })
        })
      assert.deepStrictEqual(yield* outcome(true), { destroyed: false, ofWrite: true })
      assert.isTrue((yield* outcome(false)).destroyed)
    })
  )

  it.scoped("a write error hides the end of input, unless it is forgotten", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listen()
      const socket = yield* raw(port)
      const peer = yield* Queue.take(accepted)
      keepReadingAfterWriteError(socket)
      yield* Effect.async<void>((resume) => {
        socket.on("error", () => {
          assert.isNotNull(socket.errored)
          forgetWriteError(socket)
          assert.isNull(socket.errored)
          resume(Effect.void)
        })
        peer.once("data", () => {
          peer.resetAndDestroy()
          socket.write("y")
        })
        socket.write("x")
      })
      yield* Effect.async<void>((resume) => {
        socket.on("end", () => resume(Effect.void))
        socket.on("close", () => resume(Effect.void))
        socket.resume()
      })
    })
  )

  it.scoped("a reset behind unread data is an error, or getpeername tells it from a FIN, 20 of 20", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listen({ halfOpen: true })
      const kind = (reset: boolean) =>
        Effect.gen(function* () {
          const socket = yield* raw(port)
          const peer = yield* Queue.take(accepted)
          socket.pause()
          yield* Effect.async<void>((resume) => void peer.write(Buffer.alloc(100_000), () => resume(Effect.void)))
          if (reset) peer.resetAndDestroy()
          else peer.end()
          return yield* Effect.async<boolean>((resume) => {
            socket.on("end", () => resume(Effect.succeed(wasReset(socket))))
            // From Node 24 on.
            socket.on("error", () => resume(Effect.succeed(true)))
            socket.resume()
          })
        })
      const resets = yield* Effect.replicateEffect(kind(true), 20)
      const fins = yield* Effect.replicateEffect(kind(false), 20)
      assert.deepStrictEqual([resets.filter(Boolean).length, fins.filter(Boolean).length], [20, 0])
    })
  )
})

/** Since Node 24 stores are no properties of resources. */
const onResources = "kResourceStore" in new AsyncLocalStorage()

describe("what we touch of Node's AsyncLocalStorage", () => {
  it("whether the context of now may have a store is told of every context that has one", async () => {
    const [one, other] = [new AsyncLocalStorage<number>(), new AsyncLocalStorage<object>()]
    const later = () => new Promise<boolean>((resolve) => void setTimeout(() => resolve(mayHoldStores()), 1))
    assert.strictEqual(mayHoldStores(), !onResources)
    assert.isTrue(one.run(0, mayHoldStores))
    assert.isTrue(other.run({}, () => other.exit(() => one.run(1, mayHoldStores))))
    assert.isTrue(await one.run(1, later))
    assert.isTrue(await one.run(1, () => Promise.resolve().then(mayHoldStores)))
    assert.isTrue(
      await one.run(1, () => new Promise((resolve) => void process.nextTick(() => resolve(mayHoldStores()))))
    )
    assert.strictEqual(await later(), !onResources)
    one.disable()
    other.disable()
  })

  it("stores that are taken out of a resource are gone from it until they are put back", () => {
    const stores = new AsyncLocalStorage<number>()
    const resource = stores.run(1, () => new AsyncResource("test"))
    const store = () => resource.runInAsyncScope(() => stores.getStore())
    const taken = takeStores(resource)
    assert.strictEqual(store(), onResources ? undefined : 1)
    resource.runInAsyncScope(() => stores.enterWith(2))
    putStores(resource, taken)
    assert.strictEqual(store(), 1)
    stores.disable()
  })

  it("a store that is entered in the root context stays with who entered it, and with what that has begun", async () => {
    const stores = new AsyncLocalStorage<number>()
    const { root } = nodeContexts
    const store = () => root.run(() => stores.getStore(), undefined)
    const begun = root.run(() => {
      stores.enterWith(1)
      assert.isUndefined(store())
      assert.strictEqual(stores.getStore(), 1)
      return Promise.resolve().then(() => stores.getStore())
    }, undefined)
    assert.isUndefined(store())
    assert.isUndefined(stores.getStore())
    assert.strictEqual(await begun, 1)
    stores.run(2, () => {
      assert.isUndefined(store())
      assert.strictEqual(
        nodeContexts.capture().run(() => stores.getStore(), undefined),
        2
      )
    })
    stores.disable()
  })
})

describe("the socket of a connection", () => {
  it.scoped("gets its listeners once, and none for a request", () =>
    Effect.gen(function* () {
      const { port } = yield* listen({ onSocket: (socket) => void socket.pipe(socket) })
      const connector = yield* NodeConnector.make()
      const connection = yield* connector.connect(plain(port))
      const socket = (connection as unknown as { readonly socket: EventEmitter }).socket
      assert.instanceOf(socket, EventEmitter)
      const count = () =>
        Object.fromEntries(socket.eventNames().map((name) => [String(name), socket.listenerCount(name)] as const))
      const before = count()
      assert.deepInclude(before, { drain: 1, close: 1 })
      for (let i = 0; i < 20; i++) {
        const recorder = record(connection)
        connection.unpark()
        connection.write("request")
        yield* recorder.until(({ length }) => length === 7)
        connection.pause()
        connection.resume()
        connection.park()
        yield* connection.turn
      }
      assert.deepStrictEqual(count(), before)
    })
  )
})
