/** A real server beside the scripted one: nginx with a configuration of its own, on loopback, until the scope closes. */
import { type ChildProcess, spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { small } from "./answers.js"

export class NginxFailed extends Data.TaggedError("NginxFailed")<{ readonly port: number; readonly log: string }> {
  override get message(): string {
    return `nginx did not come to answer on port ${this.port}: ${this.log}`
  }
}

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Where it is, if it is on the PATH. */
export const path: Effect.Effect<Option.Option<string>> = Effect.sync(() =>
  Option.fromNullable(
    (process.env["PATH"] ?? "")
      .split(delimiter)
      .map((folder) => join(folder, "nginx"))
      .find(executable)
  )
)

const configuration = (folder: string, port: number): string => `
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {
  worker_connections 2048;
}
http {
  access_log off;
  keepalive_timeout 120s;
  keepalive_requests 1000000000;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ")}
  server {
    listen 127.0.0.1:${port};
    location = ${small.path} {
      default_type application/json;
      return 200 '${small.text}';
    }
  }
}
`

/** A port that nobody has; by the time it is asked for somebody may. */
const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const server = net.createServer()
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "hotaru-nginx-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

/**
 * Ends nginx when its own input ends: with the scope, or with this process, however that ends. Ends with nginx.
 */
const script = `
exec 3<&0
"$@" &
nginx=$!
{ read -r _ <&3; kill "$nginx"; } 2>/dev/null &
reader=$!
wait "$nginx"
kill "$reader" 2>/dev/null
`

const run = (nginx: string, folder: string): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        "/bin/sh",
        [
          "-c",
          script,
          "sh",
          nginx,
          "-p",
          folder,
          "-e",
          `${folder}/error.log`,
          "-c",
          `${folder}/nginx.conf`,
          "-g",
          "daemon off;"
        ],
        { stdio: ["pipe", "ignore", "ignore"] }
      )
    ),
    (child) =>
      Effect.zipRight(
        Effect.sync(() => child.stdin?.end()),
        ended(child)
      )
  )

const connects = (port: number): Effect.Effect<void, "refused"> =>
  Effect.async((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    socket.once("error", () => resume(Effect.fail("refused")))
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.void)
    })
  })

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) resume(Effect.void)
    else child.once("exit", () => resume(Effect.void))
  })

/** For as long as it may take to start. */
const untilItListens = Schedule.intersect(Schedule.spaced("20 millis"), Schedule.recurs(500))

/** Answers with its origin. */
export const start = (nginx: string): Effect.Effect<string, NginxFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const own = yield* folder
    const port = yield* freePort
    yield* Effect.promise(() => writeFile(`${own}/nginx.conf`, configuration(own, port)))
    const child = yield* run(nginx, own)
    const failed = Effect.flatMap(
      Effect.promise(() => readFile(`${own}/error.log`, "utf8").catch(() => "it left no log")),
      (log) => new NginxFailed({ port, log: log.trim() })
    )
    const listens = Effect.catchAll(Effect.retry(connects(port), untilItListens), () => failed)
    yield* Effect.raceFirst(listens, Effect.zipRight(ended(child), failed))
    return `http://127.0.0.1:${port}`
  })
