/**
 * Events to listeners. Each has a ring of its own: a slow one loses its oldest events and is told how many in their
 * place; the pool never waits for anybody.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { AsyncContext, AsyncContextsShape } from "../AsyncContexts.js"
import * as PoolEvent from "../PoolEvent.js"

/** Events kept for a listener that does not take them. */
export const ringSize = 4096

class Ring implements Queue.BackingQueue<PoolEvent.PoolEvent> {
  readonly [Queue.BackingQueueTypeId] = { _A: (event: PoolEvent.PoolEvent) => event }
  private readonly slots: Array<PoolEvent.PoolEvent | undefined> = []
  private first = 0
  private held = 0
  private missed = 0

  poll<Def>(none: Def): PoolEvent.PoolEvent | Def {
    if (this.missed > 0) {
      const count = this.missed
      this.missed = 0
      return PoolEvent.Missed({ count })
    }
    if (this.held === 0) return none
    const event = this.slots[this.first] as PoolEvent.PoolEvent
    this.slots[this.first] = undefined
    this.first = (this.first + 1) % ringSize
    this.held--
    return event
  }

  pollUpTo(limit: number): Chunk.Chunk<PoolEvent.PoolEvent> {
    const events: Array<PoolEvent.PoolEvent> = []
    while (events.length < limit && this.length() > 0) events.push(this.poll(undefined) as PoolEvent.PoolEvent)
    return Chunk.unsafeFromArray(events)
  }

  offerAll(events: Iterable<PoolEvent.PoolEvent>): Chunk.Chunk<PoolEvent.PoolEvent> {
    for (const event of events) this.offer(event)
    return Chunk.empty()
  }

  offer(event: PoolEvent.PoolEvent): boolean {
    if (this.held === ringSize) {
      this.first = (this.first + 1) % ringSize
      this.held--
      this.missed++
    }
    this.slots[(this.first + this.held) % ringSize] = event
    this.held++
    return true
  }

  capacity(): number {
    return ringSize
  }

  length(): number {
    return this.held + (this.missed > 0 ? 1 : 0)
  }
}

export class EventHub {
  /** Each with the context in which it began to listen: events are published in anybody's. */
  private readonly listeners = new Map<Queue.Queue<PoolEvent.PoolEvent>, AsyncContext>()

  constructor(
    private readonly contexts: AsyncContextsShape,
    private readonly onListeners: (some: boolean) => void
  ) {}

  /** Builds the event only if somebody listens. */
  publishIfObserved(event: () => PoolEvent.PoolEvent): void {
    if (this.listeners.size > 0) this.publish(event())
  }

  publish(event: PoolEvent.PoolEvent): void {
    for (const [listener, context] of this.listeners) context.run((event) => listener.unsafeOffer(event), event)
  }

  /** A listener until the scope closes. */
  readonly subscribe: Effect.Effect<Queue.Dequeue<PoolEvent.PoolEvent>, never, Scope.Scope> = Effect.acquireRelease(
    // Suspended: the ring is each listener's own.
    Effect.map(
      Effect.suspend(() => Queue.make(new Ring(), Queue.slidingStrategy())),
      (queue) => {
        this.listeners.set(queue, this.contexts.capture())
        this.onListeners(true)
        return queue
      }
    ),
    (queue) => {
      this.listeners.delete(queue)
      this.onListeners(this.listeners.size > 0)
      return Queue.shutdown(queue)
    }
  )
}
