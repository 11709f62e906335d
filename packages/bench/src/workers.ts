/** The pool's synchronous side under load: requests without fibers. */
import { type ConnectionKey, type ConnectionPool, Lease, type PoolError } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import type { Contestant } from "./rounds.js"

const reusable = Lease.Reusable()

/** Takes leases one after the other, each held for one microtask. */
class Worker implements Lease.LeaseRequest {
  private lease: Lease.Lease | undefined

  constructor(
    private readonly pool: ConnectionPool.ConnectionPoolShape,
    private readonly key: ConnectionKey.ConnectionKey,
    private left: number,
    private readonly done: (error?: PoolError.AcquireError) => void
  ) {}

  start(): void {
    this.pool.unsafe.request(this.key, this)
  }

  onLease(lease: Lease.Lease): void {
    this.lease = lease
    queueMicrotask(this.release)
  }

  onRefused(error: PoolError.AcquireError): void {
    this.done(error)
  }

  private readonly release = (): void => {
    this.lease?.settle(reusable)
    if (--this.left > 0) this.start()
    else this.done()
  }
}

/** As many requests at a time; those for whom there is no connection stand in line. */
export const inCallbacks = (
  name: string,
  pool: ConnectionPool.ConnectionPoolShape,
  key: ConnectionKey.ConnectionKey,
  workers: number
): Contestant => ({
  name,
  run: (operations) =>
    Effect.orDie(
      Effect.async<void, PoolError.AcquireError>((resume) => {
        let working = workers
        const done = (error?: PoolError.AcquireError) => {
          if (error !== undefined) resume(Effect.fail(error))
          else if (--working === 0) resume(Effect.void)
        }
        for (let i = 0; i < workers; i++) new Worker(pool, key, Math.ceil(operations / workers), done).start()
      })
    )
})
