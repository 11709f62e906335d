import * as Net from "node:net"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { versionOf } from "./binaries.js"
import * as Daemon from "./daemon.js"
import * as Node from "./node.js"
import { type Peer, type Settings, urlOf } from "./peer.js"
import { freePort } from "./ports.js"

const bind = ({ tls }: Settings, port: number): string => {
  const secure =
    tls === undefined
      ? ""
      : ` ssl crt server.pem ssl-min-ver TLSv${tls.version} ssl-max-ver TLSv${tls.version} alpn http/1.1` +
        (tls.client === true ? " ca-file ca.pem verify required" : "")
  return `bind 127.0.0.1:${port}${secure}`
}

/** It counts no requests of a connection by itself: the rule says close with the last one. */
const requestLimit = ({ requests }: Settings): string =>
  requests === undefined
    ? ""
    : `http-request set-var(sess.count) int(1),add(sess.count) if { var(sess.count) -m found }
  http-request set-var(sess.count) int(1) unless { var(sess.count) -m found }
  http-after-response set-header connection close if { var(sess.count) -m int ge ${requests} }`

const configuration = (settings: Settings, upstream: number, port: number, folder: string): string => `
global
  log stdout format raw local0 notice
  stats socket ${folder}/stats.sock mode 600 level admin expose-fd listeners
  hard-stop-after 10s
  tune.bufsize 65536
  tune.ssl.default-dh-param 2048
  maxconn 1000
  crt-base ${folder}
  ca-base ${folder}
defaults
  log global
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout http-request 30s
  timeout http-keep-alive ${settings.idle ?? 75}s
frontend front
  ${bind(settings, port)}
  ${requestLimit(settings)}
  default_backend node
backend node
  http-reuse safe
  server node 127.0.0.1:${upstream}
`

const once = (socket: string, what: string): Effect.Effect<string, Error> =>
  Effect.async((resume) => {
    const said: Array<Buffer> = []
    const client = Net.connect(socket, () => client.end(`${what}\n`))
    client.on("data", (bytes) => said.push(bytes))
    client.on("error", (cause) => resume(Effect.fail(cause)))
    client.on("close", () => resume(Effect.succeed(Buffer.concat(said).toString("utf8"))))
  })

/**
 * Gives the master a command, and answers what it says. That it has loaded does not say that it listens, nor that its
 * signals are in hand: it is asked until it does.
 */
const command = (socket: string, what: string): Effect.Effect<string> =>
  Effect.orDie(Effect.retry(once(socket, what), { schedule: Schedule.spaced("5 millis"), times: 2000 }))

/** HAProxy: a master and its worker. A reload is a new worker, which takes the listening sockets over from the old. */
export const haproxy: Peer = {
  name: "HAProxy",
  version: versionOf("HAProxy"),
  start: (settings) =>
    Effect.gen(function* () {
      const upstream = yield* Node.upstream
      const folder = yield* Daemon.folder
      const port = settings.port ?? (yield* freePort)
      Daemon.write(folder, { "haproxy.cfg": configuration(settings, upstream.port, port, folder) })
      if (settings.tls !== undefined) {
        const { ca, server } = settings.tls.certificates
        Daemon.write(folder, { "ca.pem": ca.cert, "server.pem": `${server.cert}\n${server.key}` })
      }
      const master = `${folder}/master.sock`
      const args = ["-W", "-db", "-S", master, "-f", `${folder}/haproxy.cfg`]
      const daemon = yield* Daemon.run("HAProxy", "haproxy", args)
      yield* daemon.saying(/Loading success/)
      const processes = yield* command(master, "show proc")
      if (!/worker/.test(processes)) return yield* Effect.dieMessage(`HAProxy has no worker: ${processes}`)
      return {
        upstream,
        port,
        url: urlOf(port, settings.tls),
        // The master starts itself anew, with -sf for the old worker and -x for its sockets.
        reload: Effect.gen(function* () {
          const gone = daemon.said(/Former worker \(\d+\) exited/)
          yield* command(master, "reload")
          yield* daemon.saying(/Former worker \(\d+\) exited/, gone + 1)
        }),
        beginStop: Effect.sync(() => void daemon.child.kill("SIGUSR1")),
        stopped: daemon.ended
      }
    })
}
