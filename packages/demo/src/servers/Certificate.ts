/** A certificate for this run, made in memory: an authority of our own, and a leaf for loopback signed by it. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { generate } from "selfsigned"

export interface Certificate {
  /** What a client has to trust, PEM. */
  readonly ca: string
  /** What the server shows, PEM. */
  readonly cert: string
  readonly key: string
}

export class CertificateError extends Data.TaggedError("CertificateError")<{ readonly cause: unknown }> {
  override get message(): string {
    return `Could not make a certificate: ${String(this.cause)}`
  }
}

const common = { keyType: "ec", curve: "P-256", algorithm: "sha256" } as const

export const make: Effect.Effect<Certificate, CertificateError> = Effect.tryPromise({
  try: async () => {
    const authority = await generate([{ name: "commonName", value: "Hotaru tour authority" }], {
      ...common,
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true }
      ]
    })
    const leaf = await generate([{ name: "commonName", value: "localhost" }], {
      ...common,
      ca: { key: authority.private, cert: authority.cert },
      extensions: [
        { name: "basicConstraints", cA: false, critical: true },
        { name: "keyUsage", digitalSignature: true, critical: true },
        { name: "extKeyUsage", serverAuth: true },
        {
          name: "subjectAltName",
          altNames: [
            { type: 2, value: "localhost" },
            { type: 7, ip: "127.0.0.1" }
          ]
        }
      ]
    })
    return { ca: authority.cert, cert: leaf.cert, key: leaf.private }
  },
  catch: (cause) => new CertificateError({ cause })
})
