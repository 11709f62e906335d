/** Scripts drawn from a seed. */
import { Draw } from "../Draw.js"
import { Fault, harmless, type Script, type Step } from "./Fault.js"

const weights = { Delay: 20, Throttle: 15, Cut: 20, HalfClose: 10, Reset: 20, Blackhole: 3 }

/** A damaged byte is not noticed on plain TCP (HTTP/1.1 has no checksum): only TLS is damaged. */
const secureWeights = { ...weights, Corrupt: 12 }

/** A connection meets none, one or two faults, in its first 2 MiB each way; some as soon as it stands. */
export const drawn =
  (seed: number, secure: boolean) =>
  (connection: number): Script => {
    const draw = new Draw(seed, connection * 2 + (secure ? 1 : 0))
    if (draw.chance(0.4)) return harmless
    if (draw.chance(0.02)) {
      return { accepted: draw.chance(0.5) ? Fault.Cut() : Fault.Reset(), steps: [] }
    }
    const steps = Array.from({ length: 1 + draw.below(2) }, () => step(draw, secure))
    return { steps: steps.sort((left, right) => left.at - right.at) }
  }

const step = (draw: Draw, secure: boolean): Step => ({
  direction: draw.chance(0.5) ? "request" : "response",
  at: draw.spread(1, 2 * 1024 * 1024) - 1,
  fault: fault(draw, secure)
})

const fault = (draw: Draw, secure: boolean): Fault => {
  switch (draw.weighted<keyof typeof secureWeights>(secure ? secureWeights : { ...weights, Corrupt: 0 })) {
    case "Delay":
      return Fault.Delay({ millis: draw.spread(1, 200) })
    case "Throttle":
      return Fault.Throttle({ bytes: draw.spread(1024, 64 * 1024), millis: 1 })
    case "Cut":
      return Fault.Cut()
    case "HalfClose":
      return Fault.HalfClose()
    case "Reset":
      return Fault.Reset()
    case "Blackhole":
      return Fault.Blackhole({ millis: 3000 })
    case "Corrupt":
      return Fault.Corrupt({ bytes: draw.spread(1, 32), mask: 1 << draw.below(8) })
  }
}
