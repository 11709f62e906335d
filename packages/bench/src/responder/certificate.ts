/** A certificate for loopback, made in memory: its own authority. */
import { generate } from "selfsigned"

export interface Certificate {
  /** What the server shows and a client has to trust, PEM. */
  readonly cert: string
  readonly key: string
}

export const make = async (): Promise<Certificate> => {
  const made = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    extensions: [
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" }
        ]
      }
    ]
  })
  return { cert: made.cert, key: made.private }
}
