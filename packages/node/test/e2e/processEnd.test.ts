import { spawn } from "node:child_process"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { serve } from "../peers/support/LoopbackServer.js"
import { certificates } from "../support/certificates.js"
import { scaled } from "./support/scale.js"

interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

interface Said {
  /** Milliseconds between the last response and the end of the process. */
  readonly lingered: number
  readonly activeConnections: number
  readonly created: number
  readonly pooledConnections: number
}

const tsx = createRequire(import.meta.url).resolve("tsx")
const program = fileURLToPath(new URL("./fixtures/neverDisposes.ts", import.meta.url))

/** Runs a program until it ends, by force after a minute. */
const run = (...args: ReadonlyArray<string>): Effect.Effect<Outcome> =>
  Effect.async((resume) => {
    const child = spawn(process.execPath, ["--import", tsx, program, ...args], { stdio: ["ignore", "pipe", "pipe"] })
    const limit = setTimeout(() => child.kill("SIGKILL"), 60_000)
    let output = ""
    const note = (bytes: Buffer) => {
      output += bytes.toString()
    }
    child.stdout.on("data", note)
    child.stderr.on("data", note)
    child.on("close", (code, signal) => {
      clearTimeout(limit)
      resume(Effect.succeed({ code, signal, output }))
    })
  })

/** How many requests each story makes, and how many connections it leaves idle at least. */
const stories = {
  plain: { requests: 4, idle: 3 },
  tls: { requests: 4, idle: 3 },
  all: { requests: 9, idle: 4 },
  // What `all` does at once, one by one.
  minIdle: { requests: 4, idle: 4 },
  leakThreshold: { requests: 4, idle: 3 },
  unread: { requests: 5, idle: 3 },
  cleanup: { requests: 4, idle: 3 }
} as const

type Story = keyof typeof stories

const usual: ReadonlyArray<Story> = ["plain", "tls", "all"]
const single: ReadonlyArray<Story> = ["minIdle", "leakThreshold", "unread", "cleanup"]

interface Told extends Outcome {
  readonly requests: number
}

/** All of them, some side by side: most of their time goes into starting. */
const tellAll: Effect.Effect<Readonly<Record<Story, Told>>> = Effect.gen(function* () {
  const { ca, server: pair } = yield* Effect.promise(certificates)
  const told = yield* Effect.forEach(
    [...usual, ...scaled(single, [])],
    (story) =>
      Effect.gen(function* () {
        const server = yield* serve((_, reply) => reply.send({ body: "ok" }), story === "tls" ? { tls: pair } : {})
        const outcome = yield* run(story, server.url, ca.cert)
        return [story, { ...outcome, requests: server.requests.length }] as const
      }).pipe(Effect.scoped),
    { concurrency: 3 }
  )
  return Object.fromEntries(told) as Record<Story, Told>
})

let told: Readonly<Record<Story, Told>>
beforeAll(async () => {
  told = await Effect.runPromise(tellAll)
}, 120_000)

const expectEnded = (story: Story): void => {
  const { code, output, requests, signal } = told[story]
  assert.deepStrictEqual([code, signal], [0, null], output)
  const { activeConnections, lingered, pooledConnections } = JSON.parse(output) as Said
  assert.isBelow(lingered, 1000)
  assert.isAtLeast(pooledConnections, stories[story].idle)
  assert.deepStrictEqual({ requests, active: activeConnections }, { requests: stories[story].requests, active: 0 })
}

describe("a program that never disposes its runtime", () => {
  it("ends by itself within a second of its last response, though connections are idle", () => {
    expectEnded("plain")
  })

  it("ends by itself so soon over TLS, too", () => {
    expectEnded("tls")
  })

  it("ends by itself so soon with idle connections kept up, leases watched, short rounds and an answer unread", () => {
    expectEnded("all")
  })

  for (const story of scaled(single, [])) {
    it(`ends by itself so soon with each of these alone: ${story}`, () => {
      expectEnded(story)
    })
  }
})
