/** A connection through the proxy: two sockets, and a pump each way. */
import type * as Net from "node:net"
import type { Fault, Script, Step } from "./Fault.js"
import { Pump, type PumpOwner } from "./Pump.js"

export class Link implements PumpOwner {
  readonly request: Pump
  readonly response: Pump
  private over = false
  private endedPumps = 0
  private reaper: NodeJS.Timeout | undefined = undefined

  constructor(
    private readonly client: Net.Socket,
    private readonly server: Net.Socket,
    { accepted, steps }: Script,
    private readonly told: { onStruck(fault: Fault): void; onClosed(link: Link): void }
  ) {
    this.request = new Pump(client, server, of(steps, "request"), this)
    this.response = new Pump(server, client, of(steps, "response"), this)
    let open = 2
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      // Whatever breaks one side breaks the other; "close" follows.
      socket.on("error", () => {})
      socket.on("close", (hadError: boolean) => {
        if (hadError && !this.over) this.reset()
        if (--open > 0) return
        clearTimeout(this.reaper)
        told.onClosed(this)
      })
    }
    if (accepted !== undefined) this.onStruck(accepted)
  }

  arm(steps: ReadonlyArray<Step>): void {
    this.request.arm(of(steps, "request"))
    this.response.arm(of(steps, "response"))
  }

  /** Strikes now, whatever is on the way. */
  strike(fault: Fault): void {
    this.onStruck(fault)
  }

  destroy(): void {
    this.over = true
    this.stop("dropped")
    this.client.destroy()
    this.server.destroy()
  }

  onStruck(fault: Fault): void {
    if (this.over) return
    this.told.onStruck(fault)
    switch (fault._tag) {
      case "Inject":
        this.client.write(fault.text)
        return this.proceed()
      case "Cut":
        this.over = true
        this.stop("dropped")
        this.client.end()
        this.server.end()
        return this.closeIn(lingering)
      case "HalfClose":
        this.response.stop("dropped")
        this.client.end()
        this.request.proceed()
        return this.closeIn(lingering)
      case "Reset":
        return this.reset()
      case "Blackhole":
        this.over = true
        this.stop("unread")
        return fault.millis === Infinity ? undefined : this.closeIn(fault.millis)
    }
  }

  /** An end in good order is handed on; two of them, and both sockets close by themselves. */
  onEnded(pump: Pump): void {
    pump.to.end()
    if (++this.endedPumps === 2) this.over = true
  }

  private proceed(): void {
    this.request.proceed()
    this.response.proceed()
  }

  /** What was handed on before the RST is given the time to be read: two turns of an event loop, if it is this one. */
  private reset(): void {
    this.over = true
    this.stop("dropped")
    setImmediate(() =>
      setImmediate(() => {
        this.client.resetAndDestroy()
        this.server.resetAndDestroy()
      })
    )
  }

  private stop(rest: "dropped" | "unread"): void {
    this.request.stop(rest)
    this.response.stop(rest)
  }

  /** Nobody is to hold sockets for ever on account of a fault. */
  private closeIn(millis: number): void {
    this.reaper = setTimeout(() => this.destroy(), millis)
    this.reaper.unref()
  }
}

/** How long a side that was ended may take to end as well. Milliseconds. */
const lingering = 5000

const of = (steps: ReadonlyArray<Step>, direction: Step["direction"]): ReadonlyArray<Step> =>
  steps.filter((step) => step.direction === direction)
