/** The measures by name, each loaded by itself: what another one imports (undici, the platform's clients) slows the process down. */
import type { Measure } from "../Measure.js"
import type { Name } from "./names.js"

export const measures: Readonly<Record<Name, () => Promise<Measure>>> = {
  pool: () => import("./pool.js").then(({ pool }) => pool),
  hosts: () => import("./hosts.js").then(({ hosts }) => hosts),
  idle: () => import("./idle.js").then(({ idle }) => idle),
  waiters: () => import("./waiters.js").then(({ waiters }) => waiters),
  cleanup: () => import("./cleanup.js").then(({ cleanup }) => cleanup),
  refusal: () => import("./refusal.js").then(({ refusal }) => refusal),
  heap: () => import("./heap.js").then(({ heap }) => heap),
  small: () => import("./small.js").then(({ small }) => small),
  responder: () => import("./responder.js").then(({ responder }) => responder),
  nginx: () => import("./nginx.js").then(({ nginx }) => nginx),
  allocations: () => import("./allocations.js").then(({ allocations }) => allocations),
  loop: () => import("./loop.js").then(({ loop }) => loop),
  headers: () => import("./headers.js").then(({ headers }) => headers),
  json: () => import("./json.js").then(({ json }) => json),
  bodies: () => import("./bodies.js").then(({ bodies }) => bodies),
  upload: () => import("./upload.js").then(({ upload }) => upload),
  tls: () => import("./tls.js").then(({ tls }) => tls),
  tlsConnects: () => import("./tlsConnects.js").then(({ tlsConnects }) => tlsConnects)
}
