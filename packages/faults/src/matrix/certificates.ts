/** Certificates made in memory, each its own authority. */
import * as Effect from "effect/Effect"
import { generate } from "selfsigned"

export interface Certificate {
  readonly cert: string
  readonly key: string
}

const DAY = 86_400_000

/** Of the name that the URLs of the matrix and of the soak have, or of another. */
export const make = (name: string): Effect.Effect<Certificate> =>
  Effect.promise(async () => {
    const made = await generate([{ name: "commonName", value: name }], {
      keyType: "ec",
      notBeforeDate: new Date(Date.now() - DAY),
      notAfterDate: new Date(Date.now() + 30 * DAY),
      extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: name }] }]
    })
    return { cert: made.cert, key: made.private }
  })
