import { spawn } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createServer as createSilentServer } from "node:net"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

const demo = fileURLToPath(new URL("..", import.meta.url))
const ESC = String.fromCharCode(27)

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the tour as `npm start` does. The process is killed if the test is over before it has ended. */
const tour = (...args: ReadonlyArray<string>) =>
  Effect.async<Ended>((resume) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/main.ts", ...args], {
      cwd: demo,
      // Neither may turn colours on where there is no terminal.
      env: { ...process.env, CI: "true", FORCE_COLOR: "1", NO_COLOR: undefined },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (bytes) => (stdout += bytes))
    child.stderr.on("data", (bytes) => (stderr += bytes))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** A server on loopback that answers everything with a status, until the scope closes. */
const serverAnswering = (status: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer((_, response) => response.writeHead(status).end("hello"))
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
            close: () => {
              server.closeAllConnections()
              server.close()
            }
          })
        )
      )
    }),
    (server) => Effect.sync(server.close)
  )

/** A port that nobody listens on any more. */
const refusedPort = Effect.async<number>((resume) => {
  const server = createSilentServer()
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** The figures of a row, by its first column. */
const figures = (stdout: string, name: string) => {
  const row = stdout.split("\n").find((line) => line.trim().startsWith(`${name}  `))
  assert.isDefined(row, `there is no row ${name}`)
  return row!
    .trim()
    .slice(name.length)
    .trim()
    .split(/\s{2,}/)
    .map(Number)
}

const chapters = (stdout: string) => stdout.split("\n").filter((line) => /^\d\. /.test(line))

const failsInOneLine = (ended: Ended, line: RegExp) => {
  assert.notStrictEqual(ended.code, 0)
  const lines = ended.stderr.trimEnd().split("\n")
  assert.strictEqual(lines.length, 1, ended.stderr)
  assert.match(lines[0]!, line)
}

// Whole processes, two at a time in the first: a busy machine takes its time to start them.
describe("the tour", { timeout: 120_000 }, () => {
  it.live("shows every chapter, loses no request and ends by itself", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* tour("--requests", "60", "--concurrency", "4")
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(chapters(stdout), [
        "1. One request after the other",
        "2. Many requests at once, few connections",
        "3. The same work without the pool and with it",
        "4. A server that closes connections under us",
        "5. What happened"
      ])
      // Plain lines: no colour, and nothing that moves.
      assert.notInclude(stdout, ESC)
      assert.notInclude(stdout, "\r")

      // Four requests to each of two hosts, and 60 in each of four pools.
      assert.include(stdout, "248 requests answered, none failed.")
      assert.deepStrictEqual(figures(stdout, "failed requests"), [0, 0, 0, 0, 0])
      assert.match(stdout, /The server says: at most [1-4] open at one time/)
      assert.match(stdout, /60 of 60 requests done/)
      assert.strictEqual(figures(stdout, "created")[2], 60)
      assert.isAbove(figures(stdout, "stale retries")[4]!, 0)

      // What the events add up to is what the statistics say: no event is lost.
      assert.deepStrictEqual(figures(stdout, "opened"), figures(stdout, "created"))
      assert.deepStrictEqual(figures(stdout, "sent again"), figures(stdout, "stale retries"))
      const misses = figures(stdout, "misses")
      assert.deepStrictEqual(
        figures(stdout, "lent"),
        figures(stdout, "hits").map((hits, i) => hits + misses[i]!)
      )
      for (const peak of figures(stdout, "most open at once")) assert.isAtMost(peak, 4)
    })
  )

  it.scopedLive("goes to a server of the user's, whatever it answers", () =>
    Effect.gen(function* () {
      const server = yield* serverAnswering(404)
      const { code, stderr, stdout } = yield* tour("--url", server.url, "--requests", "30", "--concurrency", "3")
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
      assert.strictEqual(chapters(stdout).length, 4)
      assert.include(stdout, "94 requests answered (94 with status 404), none failed.")
    })
  )

  it.live("says in one line that a server refuses", () =>
    Effect.gen(function* () {
      const port = yield* refusedPort
      failsInOneLine(
        yield* tour("--url", `http://user:secret@127.0.0.1:${port}/`),
        new RegExp(`^No answer from http://127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`)
      )
    })
  )

  it.live("says in one line what is wrong with an argument", () =>
    Effect.gen(function* () {
      failsInOneLine(yield* tour("--requests", "many"), /^--requests must be a whole number from 1 to 10000/)
      failsInOneLine(yield* tour("--concurrency", "0"), /^--concurrency must be a whole number from 1 to 256/)
      failsInOneLine(yield* tour("--url", "ftp://a.test/"), /^--url: .*scheme must be http or https/)
      failsInOneLine(yield* tour("--unheard-of"), /--unheard-of/)
    })
  )

  it.live("explains its arguments", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* tour("--help")
      assert.strictEqual(code, 0)
      for (const option of ["--url", "--requests", "--concurrency"]) assert.include(stdout, option)
      assert.notInclude(stdout, ESC)
    })
  )
})
