/**
 * Sees to it that answers nobody reads give their connections back when requests wait: looks when a request comes into
 * line, and again when the next offer is due.
 */
import type { Deadline, Deadlines } from "../Deadlines.js"
import { Broken, type Reclaim } from "../Lease.js"
import type { HostMap } from "./hostMap.js"
import type { LeaseImpl } from "./lease.js"
import type { Commands, HostRecord, PoolState } from "./model.js"
import * as Offers from "./offers.js"
import { orElse } from "./theirs.js"

type Decide = <A>(decision: (now: number, out: Commands) => A) => A

export class Reclaimer {
  private timer: Deadline | undefined = undefined
  private timerAt = Infinity

  constructor(
    private readonly state: PoolState,
    private readonly hosts: HostMap,
    private readonly deadlines: Deadlines,
    private readonly decide: Decide
  ) {}

  /** Puts a lease on offer. */
  offer(lease: LeaseImpl, reclaim: Reclaim): Offers.Offer {
    const { entry } = lease
    const offer = new Offers.Offer(entry, this.deadlines.now(), (reason) =>
      orElse(
        () => reclaim(reason),
        () => lease.settle(Broken("ReclaimFailed"))
      )
    )
    Offers.make(this.state, offer)
    if (this.state.waiting > 0 || !this.state.takesRequests || entry.host.draining > 0)
      this.arm(offer.since + Offers.patience(this.state))
    return offer
  }

  /** A lease has ended. Answers whether it was being taken back, so that it is time to look again once its end is decided. */
  end(offer: Offers.Offer): boolean {
    const { reclaiming } = offer
    Offers.end(this.state, offer)
    return reclaiming
  }

  /** Somebody may wait for whom nothing is coming. */
  look(): void {
    if (this.state.offers.size > 0 && this.state.waiting > 0) this.takeUp(this.concerned)
  }

  /** Somebody waits for the host. */
  press(host: HostRecord): void {
    if (this.state.offers.size > 0) this.takeUp([host])
  }

  /** Everything that is on offer is wanted back when its time has come. */
  drain(hosts: Iterable<HostRecord>): void {
    if (this.state.offers.size > 0) this.takeUp(hosts)
  }

  /** A limit that nobody waits for must not keep a process alive. */
  rest(): void {
    if (this.timer === undefined) return
    const { hostDrains, offers, takesRequests, waiting } = this.state
    if (offers.size > 0 && (waiting > 0 || !takesRequests || hostDrains > 0)) return
    this.timer.clear()
    this.timer = undefined
    this.timerAt = Infinity
  }

  /** Whom it may be taken up for: those who wait; where something is drained, everybody. */
  private get concerned(): Iterable<HostRecord> {
    const { crowded, hostDrains, takesRequests } = this.state
    return takesRequests && hostDrains === 0 ? crowded : this.hosts.all()
  }

  private takeUp(hosts: Iterable<HostRecord>): void {
    const next = this.decide((now, out) => Offers.takeUp(this.state, hosts, now, out))
    const { offers, waiting } = this.state
    // Those who count on dials under way may have none coming a moment later, when these have filled the limits.
    this.arm(waiting > 0 && offers.size > 0 ? Math.min(next, this.deadlines.now() + Offers.patience(this.state)) : next)
  }

  private arm(at: number): void {
    if (at >= this.timerAt) return
    this.timer?.clear()
    this.timerAt = at
    this.timer = this.deadlines.set(Math.max(Math.ceil(at - this.deadlines.now()), 0), () => {
      this.timerAt = Infinity
      this.takeUp(this.concerned)
    })
  }
}
