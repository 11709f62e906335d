/** The recipes of docs/shutdown.md, in processes of their own and under load. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { Agent, createServer, get } from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

const tsx = createRequire(import.meta.url).resolve("tsx")
const programs = [
  ["node:http and a ManagedRuntime", "server.ts"],
  ["NodeHttpServer and Layer.launch", "launch.ts"]
] as const
const clients = 40

/** A server that takes its time for each answer. */
const upstream = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer((request, response) => {
      setTimeout(() => response.end(request.url), 50)
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
)

const front = (program: string, url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const path = fileURLToPath(new URL(`../src/shutdown/${program}`, import.meta.url))
      const child = spawn(process.execPath, ["--import", tsx, path, url], { stdio: ["ignore", "pipe", "inherit"] })
      const lines = createInterface(child.stdout)
      const [port] = (await once(lines, "line")) as [string]
      const reached: Array<string> = []
      lines.on("line", (target: string) => reached.push(target))
      // Its output is read to the end before it counts as ended.
      const closed = once(child, "close") as Promise<[code: number | null, signal: NodeJS.Signals | null]>
      return { child, closed, port: Number(port), reached }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** What a client sees: the status, or the error of its connection. */
const ask = (port: number, agent: Agent, target: string): Promise<number | string> =>
  new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, agent, path: target }, (response) => {
      let body = ""
      response.setEncoding("utf8")
      response.on("data", (piece: string) => {
        body += piece
      })
      response.on("end", () => resolve(body === target ? (response.statusCode ?? 0) : `another answer: ${body}`))
      response.on("error", (error) => resolve(error.message))
    })
    request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })

describe("docs/shutdown.md", () => {
  for (const [what, program] of programs) {
    it(`shows the program that is run here: ${what}`, () => {
      const [source, page] = [`../src/shutdown/${program}`, "../../../docs/shutdown.md"].map((path) =>
        readFileSync(new URL(path, import.meta.url), "utf8")
      ) as [string, string]
      // All but the comment at its top.
      const code = source.slice(source.indexOf("import "))
      assert.isAbove(code.length, 1000)
      assert.include(page, code)
    })
  }
})

for (const [what, program] of programs) {
  describe(`A server that is told to end while 40 clients use it, made of ${what},`, () => {
    it.scopedLive("loses no request that reached a handler, and its process ends within two seconds", () =>
      Effect.gen(function* () {
        const { port: upstreamPort } = (yield* upstream).address() as AddressInfo
        const { child, closed, port, reached } = yield* front(program, `http://127.0.0.1:${upstreamPort}`)
        const outcomes = new Map<string, number | string>()
        const agent = new Agent({ keepAlive: true, maxSockets: clients })
        let signalled = false
        let answeredSince = 0
        const client = async (name: number) => {
          for (let i = 0; ; i++) {
            const target = `/${name}/${i}`
            const outcome = await ask(port, agent, target)
            outcomes.set(target, outcome)
            if (outcome === 200 && signalled) answeredSince++
            // The server has closed: a client would go to another one now.
            if (outcome !== 200) return
            await setImmediate()
          }
        }
        const all = Array.from({ length: clients }, (_, name) => client(name))
        while (outcomes.size < 3 * clients) yield* Effect.promise(() => setImmediate())
        signalled = true
        const signalledAt = performance.now()
        child.kill("SIGTERM")
        const [code, signal] = yield* Effect.promise(() => closed)
        const took = performance.now() - signalledAt
        yield* Effect.promise(() => Promise.all(all))
        agent.destroy()

        assert.deepStrictEqual([code, signal], [0, null])
        assert.isBelow(took, 2000)
        const lost = reached.filter((target) => outcomes.get(target) !== 200)
        assert.deepStrictEqual(lost, [])
        // It was in the middle of it: more requests were under way than the pool has connections.
        assert.isAbove(answeredSince, 8)
        assert.isAtLeast(reached.length, 3 * clients)
      })
    )
  })
}
