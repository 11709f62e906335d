/**
 * The alarm for dials that are tried again. It is set only while a request waits for one, so it keeps a process alive for
 * that alone.
 */
import type { Deadline, Deadlines } from "../Deadlines.js"
import type { Commands, PoolState } from "./model.js"
import * as Redialling from "./redialling.js"

type Decide = <A>(decision: (now: number, out: Commands) => A) => A

export class Redialler {
  private timer: Deadline | undefined = undefined
  private timerAt = Infinity

  constructor(
    private readonly state: PoolState,
    private readonly deadlines: Deadlines,
    private readonly decide: Decide
  ) {}

  /** Decisions were made: the next dial may be another one. */
  look(): void {
    const { redials, strain, wanting } = this.state
    // Asked after every lease: where no dial has failed this is all.
    if (redials.size === 0 && this.timer === undefined && (wanting.size === 0 || !strain.isFelt)) return
    const now = this.deadlines.now()
    const at = Redialling.nextWake(this.state, now)
    if (at === this.timerAt) return
    this.timer?.clear()
    this.timer = undefined
    this.timerAt = at
    if (at === Infinity) return
    this.timer = this.deadlines.set(Math.max(Math.ceil(at - now), 0), () => {
      this.timer = undefined
      this.timerAt = Infinity
      this.decide((now, out) => Redialling.wake(this.state, now, out))
    })
  }

  /** Whether it will ring when it is due. */
  get isSet(): boolean {
    return this.timerAt <= Redialling.nextWake(this.state, this.deadlines.now())
  }
}
