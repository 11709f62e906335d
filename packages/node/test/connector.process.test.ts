import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import * as Http from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnector, NodeTls } from "@hotaru/node"
import { Effect } from "effect"
import { type Certificates, certificates } from "./support/certificates.js"
import { openSockets, plain, secure, turnUntil } from "./support/dialling.js"
import { listen, listenTls, temporaryPath } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const tsx = createRequire(import.meta.url).resolve("tsx")
const child = fileURLToPath(new URL("./support/child.ts", import.meta.url))

interface Ended {
  readonly said: unknown
  readonly code: number
}

/** Runs a story in a process of its own; one that does not end by itself is killed and fails. */
const tell = (
  story: ReadonlyArray<string>,
  env: { readonly [name: string]: string } = {},
  descriptors = 4096
): Effect.Effect<Ended> =>
  Effect.async((resume) => {
    const args = [
      "-c",
      `ulimit -n ${descriptors} && exec "$0" "$@"`,
      process.execPath,
      "--import",
      tsx,
      child,
      ...story
    ]
    execFile(
      "sh",
      args,
      { env: { ...process.env, ...env }, timeout: 25_000, killSignal: "SIGKILL" },
      (error, out, err) => {
        if (error?.killed === true) return resume(Effect.die(new Error(`did not end by itself: ${out}${err}`)))
        // The warning of an identity without verification is a line before it.
        const line = out.trimEnd().split("\n").at(-1) ?? ""
        if (line === "") return resume(Effect.die(new Error(`said nothing: ${err}`)))
        resume(Effect.succeed({ said: JSON.parse(line), code: typeof error?.code === "number" ? error.code : 0 }))
      }
    )
  })

describe("a process", () => {
  it.scoped(
    "ends by itself while its connections are parked",
    () =>
      Effect.gen(function* () {
        const { port } = yield* listenTls(certs.selfSigned)
        assert.deepStrictEqual(yield* tell(["parked", `${port}`]), { said: "parked", code: 0 })
      }),
    30_000
  )

  it.scoped(
    "ends by itself while its pool watches the addresses of names, and keeps a connection to one of them",
    () =>
      Effect.gen(function* () {
        const { port } = yield* listen()
        assert.deepStrictEqual(yield* tell(["watched", `${port}`]), { said: { pooledConnections: 1 }, code: 0 })
      }),
    30_000
  )

  it.scoped(
    "under NODE_EXTRA_CA_CERTS trusts that file, beside extraCa and not where ca replaces all",
    () =>
      Effect.gen(function* () {
        const { port } = yield* listenTls(certs.server)
        const [trusted, other] = [yield* temporaryPath("ca.pem"), yield* temporaryPath("other.pem")]
        writeFileSync(trusted, certs.ca.cert)
        writeFileSync(other, certs.selfSigned.cert)
        const { said } = yield* tell(["extraCa", `${port}`, other], { NODE_EXTRA_CA_CERTS: trusted })
        assert.deepStrictEqual(said, ["authorized", "authorized", "tls UNABLE_TO_VERIFY_LEAF_SIGNATURE false"])
      }),
    30_000
  )

  it.scoped(
    "out of descriptors says so, as a failure of its own",
    () =>
      Effect.gen(function* () {
        const { port } = yield* listen()
        const { said } = yield* tell(["exhausted", `${port}`], {}, 256)
        assert.deepInclude(said as object, { _tag: "ConnectError", phase: "tcp", code: "EMFILE", local: true })
      }),
    30_000
  )
})

describe("200 requests at once in a process that has few descriptors left", () => {
  for (const descriptors of [1, 10]) {
    for (const connection of ["keep-alive", "close"]) {
      it.scoped(
        `are all answered, after fewer than 50 dials in vain: ${descriptors} left, and the server says ${connection}`,
        () =>
          Effect.gen(function* () {
            const server = Http.createServer((_, response) => response.setHeader("connection", connection).end("hello"))
            yield* Effect.acquireRelease(
              Effect.async<void>((resume) => {
                server.listen(0, "127.0.0.1", () => resume(Effect.void))
              }),
              () => Effect.sync(() => void server.close().closeAllConnections())
            )
            const { port } = server.address() as AddressInfo
            const { said } = yield* tell(["scarce", `${port}`, `${descriptors}`], {}, 256)
            const { answered, connectFailures } = said as { answered: number; connectFailures: number }
            assert.strictEqual(answered, 200)
            assert.isBelow(connectFailures, 50)
            assert.isAbove(connectFailures, 0)
          }),
        30_000
      )
    }
  }
})

describe("a parked connection", () => {
  it.scoped("does not count for what keeps the process alive, until it is used again", () =>
    Effect.gen(function* () {
      const tcp = yield* listen()
      const tls = yield* listenTls(certs.server)
      const connector = yield* NodeConnector.make({ tls: { ca: certs.ca.cert } })
      for (const key of [plain(tcp.port), secure(tls.port, "127.0.0.1")]) {
        const connection = yield* connector.connect(key)
        yield* turnUntil(() => tcp.openCount() + tls.openCount() > 0)
        yield* connection.turn
        const counted = openSockets()
        connection.park()
        assert.strictEqual(openSockets(), counted - 1)
        connection.unpark()
        assert.strictEqual(openSockets(), counted)
      }
    })
  )
})

describe("NODE_TLS_REJECT_UNAUTHORIZED=0", () => {
  it.scoped("is read when an identity is made, and only where rejectUnauthorized does not say", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.selfSigned)
      const connector = yield* NodeConnector.make()
      const made = Effect.sync(() => {
        process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
        try {
          return [NodeTls.identity(), NodeTls.identity({ rejectUnauthorized: true })] as const
        } finally {
          delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]
        }
      })
      const [open, strict] = yield* made
      assert.deepStrictEqual([NodeTls.isVerifying(open), NodeTls.isVerifying(strict)], [false, true])
      const { facts } = yield* connector.connect(secure(port, "127.0.0.1", { tls: open }))
      assert.isFalse(facts.tls?.authorized)
      // Also while the variable is set: it is no longer asked.
      process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
      const refused = yield* Effect.exit(connector.connect(secure(port, "127.0.0.1", { tls: strict })))
      const byDefault = yield* Effect.exit(connector.connect(secure(port, "127.0.0.1")))
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]
      assert.deepStrictEqual([refused._tag, byDefault._tag], ["Failure", "Failure"])
    })
  )
})
