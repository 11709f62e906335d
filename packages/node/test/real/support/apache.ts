import * as Effect from "effect/Effect"
import { versionOf } from "./binaries.js"
import * as Daemon from "./daemon.js"
import * as Node from "./node.js"
import { type Peer, type Settings, urlOf } from "./peer.js"
import { freePort } from "./ports.js"

const modules = "/usr/lib/apache2/modules"

const tlsLines = ({ tls }: Settings): ReadonlyArray<string> =>
  tls === undefined
    ? []
    : [
        "SSLEngine on",
        `SSLProtocol TLSv${tls.version}`,
        "SSLCertificateFile server.pem",
        "SSLCertificateKeyFile server.key",
        ...(tls.client === true ? ["SSLCACertificateFile ca.pem", "SSLVerifyClient require"] : [])
      ]

const configuration = (settings: Settings, upstream: number, port: number, folder: string): string => `
ServerRoot ${folder}
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache.pid
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
ErrorLog "||/bin/cat"
LogLevel notice
LoadModule mpm_event_module ${modules}/mod_mpm_event.so
LoadModule authz_core_module ${modules}/mod_authz_core.so
LoadModule proxy_module ${modules}/mod_proxy.so
LoadModule proxy_http_module ${modules}/mod_proxy_http.so
${settings.tls === undefined ? "" : `LoadModule ssl_module ${modules}/mod_ssl.so`}
StartServers 2
ServerLimit 8
ThreadsPerChild 25
MaxRequestWorkers 200
MinSpareThreads 25
MaxSpareThreads 200
GracefulShutdownTimeout 10
KeepAlive On
KeepAliveTimeout ${settings.idle ?? 75}
MaxKeepAliveRequests ${settings.requests ?? 1000}
LimitRequestFieldSize 16380
ProxyIOBufferSize 65536
${tlsLines(settings).join("\n")}
ProxyPass / http://127.0.0.1:${upstream}/ keepalive=On flushpackets=on disablereuse=Off responsefieldsize=16380
`

const ready = /resuming normal operations/

/** Apache with its event MPM. */
export const apache: Peer = {
  name: "Apache",
  version: versionOf("Apache"),
  start: (settings) =>
    Effect.gen(function* () {
      const upstream = yield* Node.upstream
      const folder = yield* Daemon.folder
      const port = settings.port ?? (yield* freePort)
      Daemon.write(folder, { "apache.conf": configuration(settings, upstream.port, port, folder) })
      if (settings.tls !== undefined) {
        const { ca, server } = settings.tls.certificates
        Daemon.write(folder, { "ca.pem": ca.cert, "server.pem": server.cert, "server.key": server.key })
      }
      const args = ["-d", folder, "-f", "apache.conf"]
      const daemon = yield* Daemon.run("Apache", "apache2", [...args, "-D", "FOREGROUND"])
      yield* daemon.saying(ready)
      // What apachectl runs.
      const tell = (order: string) => Daemon.tell("Apache", "apache2", [...args, "-k", order])
      return {
        upstream,
        port,
        url: urlOf(port, settings.tls),
        reload: Effect.gen(function* () {
          const before = daemon.said(ready)
          yield* tell("graceful")
          yield* daemon.saying(ready, before + 1)
        }),
        beginStop: tell("graceful-stop"),
        stopped: daemon.ended
      }
    })
}
