/**
 * The far side of a soak: servers, and the proxies before them. A process of its own, so that what is measured in the
 * other is the client alone. It ends with the one that started it.
 */
import * as Effect from "effect/Effect"
import { cpuSince } from "../Census.js"
import * as Certificates from "../matrix/certificates.js"
import { host } from "../matrix/World.js"
import { drawn } from "../proxy/drawn.js"
import * as FaultProxy from "../proxy/FaultProxy.js"
import type { Ask, Ready, Report } from "./messages.js"
import { Arrivals, type Findings, serve } from "./server.js"

const seed = Number(process.argv[2])

/** Of many that are wrong, so many are told. */
const told = 20

process.on("disconnect", () => process.exit())

const main = Effect.gen(function* () {
  const findings: Findings = { arrivals: new Arrivals(), wrong: [], requests: 0 }
  const certificate = yield* Certificates.make(host)
  const servers = yield* Effect.promise(() => Promise.all([serve(findings), serve(findings, certificate)]))
  const [plain, secure] = yield* Effect.all([
    FaultProxy.make({ upstream: servers[0], script: drawn(seed, false) }),
    FaultProxy.make({ upstream: servers[1], script: drawn(seed, true) })
  ])
  const began = process.cpuUsage()
  process.on("message", ({ unsent }: Ask) => {
    const struck = Object.fromEntries(
      Object.entries(plain.struck).map(([name, count]) => [
        name,
        count + secure.struck[name as keyof typeof secure.struck]
      ])
    ) as Report["struck"]
    const report: Report = {
      _tag: "Report",
      requests: findings.requests,
      cpu: cpuSince(began),
      connections: plain.accepted() + secure.accepted(),
      struck,
      wrong: findings.wrong.slice(0, told),
      arrived: unsent.filter((id) => findings.arrivals.of(id) > 0)
    }
    process.send!(report)
  })
  const ready: Ready = { _tag: "Ready", plain: plain.port, secure: secure.port, ca: certificate.cert }
  process.send!(ready)
  yield* Effect.never
})

Effect.runFork(Effect.scoped(main))
