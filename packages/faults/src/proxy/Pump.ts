/** One direction of a connection: hands bytes on, with back-pressure, and stops at the places of its script. */
import type * as Net from "node:net"
import type { Fault, Step } from "./Fault.js"

export interface PumpOwner {
  /** A fault that ends or silences the connection; after it the pump does nothing unless told. */
  onStruck(fault: Fault, pump: Pump): void
  /** The source has ended, and all of it was handed on. */
  onEnded(pump: Pump): void
}

export class Pump {
  /** Bytes handed on. */
  passed = 0
  private readonly queue: Array<Buffer> = []
  private ended = false
  private stopped = false
  private dropping = false
  private waiting = false
  private timer: NodeJS.Timeout | undefined = undefined
  private throttle: { readonly bytes: number; readonly millis: number } | undefined = undefined
  private corrupting: { bytes: number; readonly mask: number } = { bytes: 0, mask: 0 }

  constructor(
    readonly from: Net.Socket,
    readonly to: Net.Socket,
    private steps: ReadonlyArray<Step>,
    private readonly owner: PumpOwner
  ) {
    from.on("data", (bytes: Buffer) => {
      if (this.dropping) return
      this.queue.push(bytes)
      this.run()
    })
    from.on("end", () => {
      this.ended = true
      this.run()
    })
    to.on("drain", () => {
      if (this.timer !== undefined) return
      this.waiting = false
      this.run()
    })
  }

  /** Steps from here on: their places count from what has passed until now. */
  arm(steps: ReadonlyArray<Step>): void {
    this.steps = steps.map((step) => ({ ...step, at: step.at + this.passed }))
  }

  /** Goes on behind a fault that has struck. */
  proceed(): void {
    if (this.timer === undefined) this.waiting = this.to.writableNeedDrain
    this.run()
  }

  /** Hands nothing on any more. What the source still says is thrown away, or not even read. */
  stop(rest: "dropped" | "unread"): void {
    clearTimeout(this.timer)
    this.stopped = true
    this.queue.length = 0
    this.dropping = rest === "dropped"
    if (rest === "dropped") this.from.resume()
    else this.from.pause()
  }

  private run(): void {
    while (!this.stopped && !this.waiting) {
      const bytes = this.queue[0]
      if (bytes === undefined) break
      const [step] = this.steps
      if (step !== undefined && step.at <= this.passed) {
        this.steps = this.steps.slice(1)
        this.strike(step.fault)
      } else {
        this.handOn(bytes, step === undefined ? Infinity : step.at - this.passed)
      }
    }
    if (this.stopped) return
    if (this.waiting) {
      this.from.pause()
    } else if (this.ended) {
      this.stopped = true
      this.owner.onEnded(this)
    } else if (this.from.isPaused()) {
      this.from.resume()
    }
  }

  private strike(fault: Fault): void {
    switch (fault._tag) {
      case "Delay":
        this.wait(fault.millis)
        break
      case "Throttle":
        this.throttle = fault
        break
      case "Corrupt":
        this.corrupting = { bytes: fault.bytes, mask: fault.mask }
        break
      default:
        // The way ends here, for the owner to say how.
        this.waiting = true
    }
    this.owner.onStruck(fault, this)
  }

  private handOn(bytes: Buffer, most: number): void {
    const { corrupting, throttle } = this
    const length = Math.min(
      bytes.length,
      most,
      throttle?.bytes ?? Infinity,
      corrupting.bytes > 0 ? corrupting.bytes : Infinity
    )
    let piece = bytes.subarray(0, length)
    if (length === bytes.length) this.queue.shift()
    else this.queue[0] = bytes.subarray(length)
    if (corrupting.bytes > 0) {
      piece = Buffer.from(piece.map((byte) => byte ^ corrupting.mask))
      corrupting.bytes -= length
    }
    this.passed += length
    const more = this.to.write(piece)
    if (throttle !== undefined) this.wait(throttle.millis)
    else if (!more) this.waiting = true
  }

  private wait(millis: number): void {
    this.waiting = true
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.waiting = this.to.writableNeedDrain
      this.run()
    }, millis)
  }
}
