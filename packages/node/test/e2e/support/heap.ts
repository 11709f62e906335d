import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Effect from "effect/Effect"

/** The garbage collector, whatever the flags that this process was started with. */
const collect: () => void = (() => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
})()

/** Bytes in use when all that can go has gone: on the heap, and outside of it in buffers. */
export const memoryInUse: Effect.Effect<{ readonly heap: number; readonly buffers: number }> = Effect.promise(
  async () => {
    for (let round = 0; round < 5; round++) {
      // Weak references end with the turn they were looked at in, and finalizers run in turns of their own.
      await new Promise<void>((resolve) => setImmediate(resolve))
      collect()
    }
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return { heap: heapUsed, buffers: arrayBuffers }
  }
)
