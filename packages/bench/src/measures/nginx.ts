/** The small GET once more, answered by a server that is not ours. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { against } from "../findings.js"
import type { Measure } from "../Measure.js"
import * as Nginx from "../nginx.js"
import * as Peers from "../peers/index.js"
import * as Report from "../Report.js"
import { all, level } from "./small.js"

export const nginx: Measure = Effect.fnUntraced(function* (effort) {
  const path = yield* Nginx.path
  if (Option.isNone(path)) {
    yield* Report.remark("nginx: left out, there is none on the PATH.")
    return []
  }
  const origin = yield* Effect.orDie(Nginx.start(path.value))
  const { cpu } = yield* level(origin, effort, {
    title: "Small GET to nginx",
    together: 50,
    traced: false,
    first: true,
    which: effort.quick ? Peers.essential : all
  })
  return [
    against(cpu, "hotaru", "layerUndici", undefined, "small GET to nginx, CPU against layerUndici"),
    against(cpu, "hotaru", "undici.request", undefined, "small GET to nginx, CPU against undici.request"),
    against(cpu, "hotaru", "bare socket", undefined, "small GET to nginx, CPU against a bare socket")
  ]
})
