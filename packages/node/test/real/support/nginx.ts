import * as Effect from "effect/Effect"
import { versionOf } from "./binaries.js"
import * as Daemon from "./daemon.js"
import * as Node from "./node.js"
import { type Peer, type Settings, urlOf } from "./peer.js"
import { freePort } from "./ports.js"

const tlsLines = ({ tls }: Settings): ReadonlyArray<string> =>
  tls === undefined
    ? []
    : [
        `ssl_protocols TLSv${tls.version};`,
        "ssl_certificate server.pem;",
        "ssl_certificate_key server.key;",
        "ssl_session_cache shared:sessions:1m;",
        ...(tls.client === true ? ["ssl_client_certificate ca.pem;", "ssl_verify_client on;"] : [])
      ]

const configuration = (settings: Settings, upstream: number, port: number): string => `
daemon off;
pid nginx.pid;
error_log stderr notice;
worker_processes 2;
worker_shutdown_timeout 10s;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_timeout ${settings.idle ?? 75}s;
  keepalive_requests ${settings.requests ?? 1000};
  large_client_header_buffers 4 16k;
  upstream node { server 127.0.0.1:${upstream}; keepalive 32; }
  server {
    listen 127.0.0.1:${port}${settings.tls === undefined ? "" : " ssl"};
    ${tlsLines(settings).join("\n    ")}
    location / {
      proxy_pass http://node;
      proxy_http_version 1.1;
      proxy_set_header connection "";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
    }
  }
}
`

/** nginx, two workers; unbuffered, so that what the upstream sends in pieces arrives in pieces. */
export const nginx: Peer = {
  name: "nginx",
  version: versionOf("nginx"),
  start: (settings) =>
    Effect.gen(function* () {
      const upstream = yield* Node.upstream
      const folder = yield* Daemon.folder
      const port = settings.port ?? (yield* freePort)
      Daemon.write(folder, { "nginx.conf": configuration(settings, upstream.port, port) })
      if (settings.tls !== undefined) {
        const { ca, server } = settings.tls.certificates
        Daemon.write(folder, { "ca.pem": ca.cert, "server.pem": server.cert, "server.key": server.key })
      }
      const args = ["-p", folder, "-c", "nginx.conf", "-e", "stderr"]
      const daemon = yield* Daemon.run("nginx", "nginx", args)
      yield* daemon.saying(/start worker process \d/, 2)
      return {
        upstream,
        port,
        url: urlOf(port, settings.tls),
        // It starts new workers, which take what they inherit: the listening socket is never closed.
        reload: Effect.gen(function* () {
          const gone = daemon.said(/worker process \d+ exited/)
          yield* Daemon.tell("nginx", "nginx", [...args, "-s", "reload"])
          yield* daemon.saying(/worker process \d+ exited/, gone + 2)
        }),
        beginStop: Daemon.tell("nginx", "nginx", [...args, "-s", "quit"]),
        stopped: daemon.ended
      }
    })
}
