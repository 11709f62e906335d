import * as Effect from "effect/Effect"
import { generate } from "selfsigned"

interface Pair {
  readonly cert: string
  readonly key: string
}

const DAY = 86_400_000

const make = async (ip: string, from: number, to: number): Promise<Pair> => {
  const made = await generate([{ name: "commonName", value: ip }], {
    keyType: "ec",
    notBeforeDate: new Date(Date.now() + from),
    notAfterDate: new Date(Date.now() + to),
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip }] }]
  })
  return { cert: made.cert, key: made.private }
}

/** Self-signed certificates, each its own authority. */
export const certificates: Effect.Effect<Readonly<Record<"good" | "expired" | "otherHost" | "unknown", Pair>>> =
  Effect.promise(async () => ({
    good: await make("127.0.0.1", -DAY, DAY),
    expired: await make("127.0.0.1", -2 * DAY, -DAY),
    otherHost: await make("127.0.0.2", -DAY, DAY),
    unknown: await make("127.0.0.1", -DAY, DAY)
  }))
