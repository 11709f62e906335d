/** Sees to the dials: each ends as drawn, now or later, or never. */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { FakeDial } from "@hotaru/testing/FakeNetwork"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Behaviour from "./Behaviour.js"
import { Server, type World } from "./Server.js"
import type { Stack } from "./Stack.js"

export class Dials {
  private seen = 0

  constructor(
    private readonly stack: Stack,
    private readonly world: World
  ) {}

  pending(key?: ConnectionKey): ReadonlyArray<FakeDial> {
    return this.stack.network.dials.filter(
      (dial) => dial.state === "pending" && (key === undefined || Equal.equals(dial.key, key))
    )
  }

  /** Takes up the dials that have begun; answers whether there were any. */
  readonly takeUp = (): boolean => {
    const { dials } = this.stack.network
    const fresh = dials.slice(this.seen)
    this.seen = dials.length
    for (const dial of fresh) this.begin(dial)
    return fresh.length > 0
  }

  private begin(dial: FakeDial): void {
    const { draw, plan, trace, troubles } = this.world
    const drawn = Behaviour.dialled(draw, plan)
    const forced = troubles.dialled(dial.key, this.stack.network.open.length + this.pending().length - 1)
    const end = forced ?? drawn.end
    // What lacks descriptors fails at once.
    const after = forced === "local" ? 0 : drawn.after
    trace.note(`dial ${dial.number} to ${dial.key}: ${end} after ${after} ms`)
    if (end === "hang") return
    if (after === 0) this.end(dial, end)
    else
      this.stack.fork(
        Effect.zipRight(
          Effect.sleep(after),
          Effect.sync(() => this.end(dial, end))
        )
      )
  }

  private end(dial: FakeDial, how: Exclude<Behaviour.Dialled["end"], "hang">): void {
    if (dial.state !== "pending") return
    if (how === "refused") return dial.fail()
    const { draw, onOpen, trace, troubles } = this.world
    if (how === "local") {
      dial.fail({ code: "EMFILE", local: true })
      return troubles.ranOut()
    }
    troubles.opened()
    onOpen(dial.key)
    const socket = dial.succeed({ remoteAddress: draw.pick(["192.0.2.1", "192.0.2.2"]), remotePort: 80 })
    const number = this.stack.network.sockets.length
    trace.note(`dial ${dial.number}: connection ${number}`)
    if (how === "openAndClose") return draw.chance(0.5) ? socket.endLater() : socket.end()
    const { serve } = new Server(this.world, socket, number)
    this.stack.fork(
      Effect.catchAllCause(serve, (cause) =>
        Effect.sync(() => trace.broken("well-formed requests", Cause.pretty(cause).slice(0, 2000)))
      )
    )
  }
}
