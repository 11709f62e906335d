/**
 * The asynchronous contexts of Node, for pools: what `AsyncLocalStorage` keeps its stores in.
 *
 * `AsyncResource`, because `AsyncLocalStorage.snapshot` takes the time of a stack trace. Bun and Deno have it as well.
 *
 * @internal
 */
import { AsyncResource } from "node:async_hooks"
import type { AsyncContext, AsyncContextsShape } from "@hotaru/pool/AsyncContexts"
import { mayHoldStores, putStores, takeStores } from "./nodeInternals.js"

class Captured extends AsyncResource implements AsyncContext {
  constructor() {
    super("HotaruCaller")
  }

  run<A, B>(f: (a: A) => B, a: A): B {
    return this.runInAsyncScope(f, undefined, a)
  }
}

/**
 * That in which this module is loaded, without the stores that may be in it (on Node 24 and later they stay: load the
 * module outside of a store). No call leaves a store in it to the next.
 */
class Root extends Captured {
  constructor() {
    super()
    takeStores(this)
  }

  override run<A, B>(f: (a: A) => B, a: A): B {
    const outer = takeStores(this)
    try {
      return super.run(f, a)
    } finally {
      putStores(this, outer)
    }
  }
}

const root = new Root()

/** The context of all who have no store. Within a call of the root's no store is left in it either. */
const empty: AsyncContext = { run: (f, a) => root.runInAsyncScope(f, undefined, a) }

export const nodeContexts: AsyncContextsShape = { capture: () => (mayHoldStores() ? new Captured() : empty), root }
