/** What all cells share: the far ends that connections lead to, and the identity that trusts them. */
import * as NodeTls from "@hotaru/node/NodeTls"
import * as Effect from "effect/Effect"
import * as Ports from "../proxy/Ports.js"
import * as Answer from "./Answer.js"
import type { Far, Scene } from "./Cell.js"
import * as Certificates from "./certificates.js"

/** The name in every URL. */
export const host = "far.test"

export const make = Effect.gen(function* () {
  const [certificate, foreign] = yield* Effect.all([Certificates.make(host), Certificates.make("elsewhere.test")])
  const plain = yield* Answer.serve()
  const secure = yield* Answer.serve({ certificate })
  const old = yield* Answer.serve({ certificate, maxVersion: "TLSv1.2" })
  const other = yield* Answer.serve({ certificate: foreign })
  const [closed, unanswering] = yield* Effect.all([Ports.closed, Ports.unanswering])
  const servers: Readonly<Record<Exclude<Far, "closed port" | "unanswering port">, Answer.Server>> = {
    server: plain,
    "old TLS": old,
    "other certificate": other
  }
  return {
    tls: NodeTls.identity({ ca: [certificate.cert, foreign.cert], minVersion: "TLSv1.3", label: "matrix" }),
    /** The server that a scene leads to, or the port where there is none. */
    farOf: ({ far, secure: isSecure }: Scene): Answer.Server | number =>
      far === "closed port"
        ? closed
        : far === "unanswering port"
          ? unanswering
          : far === "server" && isSecure
            ? secure
            : servers[far]
  }
})

export type World = Effect.Effect.Success<typeof make>
