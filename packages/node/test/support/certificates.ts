/** Certificates, made in memory once per test file. */
import { generate } from "selfsigned"

export interface Pair {
  readonly cert: string
  readonly key: string
}

export interface Certificates {
  /** The authority that signed everything but `selfSigned` and `stranger`. */
  readonly ca: Pair
  /** For localhost, server.test, 127.0.0.1 and ::1. */
  readonly server: Pair
  readonly expired: Pair
  /** For elsewhere.test only, whatever its common name says. */
  readonly otherHost: Pair
  readonly client: Pair
  readonly otherClient: Pair
  /** For bücher.test, and for any one name below wild.test and a_b.test. */
  readonly names: Pair
  /** Has wildcards that are a part of a label. */
  readonly partialWildcards: Pair
  /** Has 200 names, none of them ours. */
  readonly manyNames: Pair
  /** Names server.test by its common name, and has no alternative names. */
  readonly commonName: Pair
  /** For localhost, signed by itself. */
  readonly selfSigned: Pair
  /** For localhost, signed by an authority that nobody trusts. */
  readonly stranger: Pair
}

const day = 86_400_000
const named = (commonName: string) => [{ name: "commonName", value: commonName }]

const issue = async (
  commonName: string,
  ca: Pair | undefined,
  names: ReadonlyArray<string>,
  validity: { readonly from: number; readonly to: number } = { from: -1, to: 30 },
  isCa = false
): Promise<Pair> => {
  const altNames = names.map((name) =>
    /^[0-9.]+$|:/.test(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name }
  )
  const made = await generate(named(commonName), {
    algorithm: "sha256",
    keyType: "ec",
    notBeforeDate: new Date(Date.now() + validity.from * day),
    notAfterDate: new Date(Date.now() + validity.to * day),
    extensions: [
      { name: "basicConstraints", cA: isCa, critical: true },
      isCa
        ? { name: "keyUsage", keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true }
        : { name: "keyUsage", digitalSignature: true },
      ...(isCa ? [] : [{ name: "extKeyUsage" as const, serverAuth: true, clientAuth: true }]),
      ...(altNames.length === 0 ? [] : [{ name: "subjectAltName" as const, altNames }])
    ],
    ...(ca === undefined ? {} : { ca })
  })
  return { cert: made.cert, key: made.private }
}

const makeAll = async (): Promise<Certificates> => {
  const ca = await issue("Test Authority", undefined, [], undefined, true)
  const nobody = await issue("Nobody's Authority", undefined, [], undefined, true)
  const here = ["localhost", "server.test", "127.0.0.1", "::1"]
  return {
    ca,
    server: await issue("server.test", ca, here),
    expired: await issue("server.test", ca, here, { from: -30, to: -1 }),
    otherHost: await issue("server.test", ca, ["elsewhere.test"]),
    client: await issue("a client", ca, []),
    otherClient: await issue("another client", ca, []),
    names: await issue("names", ca, ["xn--bcher-kva.test", "*.wild.test", "*.a_b.test"]),
    partialWildcards: await issue("partial", ca, ["a*.wild.test", "*r.test", "x*.test"]),
    manyNames: await issue(
      "many",
      ca,
      Array.from({ length: 200 }, (_, i) => `name-${i}.elsewhere.test`)
    ),
    commonName: await issue("server.test", ca, []),
    selfSigned: await issue("localhost", undefined, here),
    stranger: await issue("localhost", nobody, here)
  }
}

let made: Promise<Certificates> | undefined

export const certificates = (): Promise<Certificates> => {
  made ??= makeAll()
  return made
}
