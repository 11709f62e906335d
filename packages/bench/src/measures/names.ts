/** What can be measured, by the names that the command line takes. */
export const names = [
  "pool",
  "hosts",
  "idle",
  "waiters",
  "cleanup",
  "refusal",
  "heap",
  "small",
  "responder",
  "nginx",
  "allocations",
  "loop",
  "headers",
  "json",
  "bodies",
  "upload",
  "tls",
  "tlsConnects"
] as const

/** What a rough answer is of: all that has a bound of its own, but for the server's. */
export const rough: ReadonlyArray<(typeof names)[number]> = [
  "pool",
  "hosts",
  "idle",
  "waiters",
  "cleanup",
  "refusal",
  "heap",
  "small",
  "bodies"
]

export type Name = (typeof names)[number]

export const titles: Readonly<Record<Name, string>> = {
  pool: "acquire and release, the pool alone beside other pools",
  hosts: "how that grows with the number of hosts",
  idle: "how that grows with the number of idle connections",
  waiters: "what a request in line costs, by the length of the line",
  cleanup: "what a cleanup costs, by what it closes and what it keeps",
  refusal: "a request that is refused",
  heap: "memory of an idle connection, and of a host that has none left",
  small: "small requests over real sockets, beside other clients",
  responder: "whether the server of these measures is out of the clients' way",
  nginx: "small requests to nginx, if it is installed",
  allocations: "memory that a small request allocates",
  loop: "how long the event loop keeps others waiting under load",
  headers: "small requests whose answers have 50 header fields",
  json: "requests with 1 KiB of JSON, and as much in the answer",
  bodies: "answers of 16 KiB to 16 MiB, in one piece and as streams",
  upload: "requests with 16 MiB as a stream",
  tls: "small requests over TLS connections that are kept",
  tlsConnects: "TLS connections that are opened for one small request each"
}
