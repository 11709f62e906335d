/**
 * Certificates and keys as OpenSSL wants them. It skips certificates it cannot read, and every connection fails later:
 * so each is read here.
 *
 * @internal
 */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { types } from "node:util"
import type { Material } from "../NodeTls.js"

/** Throws what says that the field's value makes no sense; the value is described, and never shown. */
export type Refuse = (field: string, description: string, expected: string) => never

const blocks = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[\s\S]*?-----END \1-----/g

/** Certificates in PEM, whatever stands between them left out. */
export const certificatesIn = (field: string, material: Material, refuse: Refuse): string => {
  const text = pemIn(field, material, refuse)
  if (text === undefined) {
    try {
      return new X509Certificate(material).toString()
    } catch {
      return refuse(field, "bytes that are no certificate", "certificates in PEM, or one in DER")
    }
  }
  const found = text.match(blocks)
  if (found === null) return refuse(field, "text without a certificate", "certificates in PEM")
  found.forEach((block, i) => {
    try {
      new X509Certificate(block)
    } catch {
      const which =
        found.length === 1 ? "1 certificate, which" : `${found.length} certificates of which number ${i + 1}`
      refuse(field, `${which} cannot be read`, "certificates in PEM")
    }
  })
  return found.join("\n")
}

/** A private key in PEM, encrypted or not. */
export const keyIn = (field: string, material: Material, passphrase: string | undefined, refuse: Refuse): string => {
  const text = pemIn(field, material, refuse)
  if (text !== undefined) return text
  try {
    const key = { key: Buffer.from(material as Uint8Array), format: "der", type: "pkcs8", passphrase } as const
    return createPrivateKey(key).export({ type: "pkcs8", format: "pem" }).toString()
  } catch {
    return refuse(field, "bytes that are no key, or not to be opened", "a private key in PEM, or in PKCS #8 in DER")
  }
}

/** Undefined: bytes in DER, as far as one can see. */
const pemIn = (field: string, material: Material, refuse: Refuse): string | undefined => {
  if (typeof material === "string") return material
  if (!types.isUint8Array(material)) return refuse(field, `of type ${typeof material}`, "text or bytes")
  const text = Buffer.from(material.buffer, material.byteOffset, material.byteLength).toString("latin1")
  return text.includes("-----BEGIN ") ? text : undefined
}
