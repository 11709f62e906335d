/** The rows of the matrix: every fault in every phase, or why there is no such thing. */

import { type Direction, Fault, harmless, type Script } from "../proxy/Fault.js"
import * as Names from "../proxy/Names.js"
import { chunked, plain } from "./Answer.js"
import {
  type Impossible,
  type Kind,
  kinds,
  type Method,
  methods,
  type Phase,
  phases,
  type Row,
  type Scene,
  type State
} from "./Cell.js"

const usual: Scene = {
  secure: false,
  path: "/plain",
  pieces: 4,
  far: "server",
  resolver: Names.right,
  script: harmless,
  later: harmless,
  armed: [],
  struck: undefined,
  hangs: false
}

type Make = (method: Method, state: State) => Scene | Impossible

interface Variant {
  readonly name: string | undefined
  readonly make: Make
  /** Of which connections, if not of all that the phase knows. */
  readonly states?: ReadonlyArray<State>
}

/** `undefined` stands for the usual variant. */
const only = (make: Make): ReadonlyArray<Variant> => [{ name: undefined, make }]
const impossible = (why: string): ReadonlyArray<Variant> => only(() => ({ impossible: why }))
const scene = (change: Partial<Scene>): ReadonlyArray<Variant> => only(() => ({ ...usual, ...change }))
const named = (name: string, variants: ReadonlyArray<Variant>): ReadonlyArray<Variant> =>
  variants.map((variant) => ({ ...variant, name }))

/** On a connection that has carried a request: before, the place would depend on the length of the handshake. */
const keptOnly = (variants: ReadonlyArray<Variant>): ReadonlyArray<Variant> =>
  variants.map((variant) => ({ ...variant, states: ["kept"] }))

/** The faults of the proxy. What they do once they have struck does not depend on the phase. */
const ofProxy: Readonly<Partial<Record<Kind, Fault>>> = {
  delay: Fault.Delay({ millis: 5 }),
  throttle: Fault.Throttle({ bytes: 64, millis: 1 }),
  cut: Fault.Cut(),
  "half-close": Fault.HalfClose(),
  reset: Fault.Reset(),
  blackhole: Fault.Blackhole({ millis: Infinity })
}

/** At a place of the exchange under test: of the first connection's first request, or of one that comes later on it. */
const at = (
  fault: Fault,
  direction: Direction,
  place: (method: Method) => number,
  change: Partial<Scene> = {}
): ReadonlyArray<Variant> =>
  only((method, state) => {
    const steps = [{ direction, at: place(method), fault }]
    return {
      ...usual,
      hangs: fault._tag === "Blackhole",
      ...(state === "kept" ? { armed: steps } : { script: { steps } }),
      ...change
    }
  })

/** Inside the head of a request without content, inside the content of the others. */
const inRequest = (method: Method): number => (method === "GET" ? 20 : method === "POST, stream" ? 20_000 : 600)

const standing = impossible("a connection that stands is not refused")
const settled = impossible("who is at the other end was settled when it was made")
const silence = impossible("nothing is on the way")
const noFlow = impossible("a look-up is one answer, without a connection of ours")
const kernels = impossible("the kernels' handshake, which no program takes part in")

const accepted = (fault: Fault): ReadonlyArray<Variant> => scene({ script: { accepted: fault, steps: [] } })

const dns: Readonly<Record<Kind, ReadonlyArray<Variant>>> = {
  delay: scene({ resolver: Names.late(20) }),
  throttle: noFlow,
  refuse: [
    ...named("no such name", scene({ resolver: Names.refusing })),
    ...named("no address", scene({ resolver: Names.empty }))
  ],
  cut: noFlow,
  "half-close": noFlow,
  reset: noFlow,
  corrupt: scene({ resolver: Names.garbled }),
  blackhole: scene({ resolver: Names.silent, hangs: true }),
  impostor: named("an address where nobody is", scene({ resolver: Names.dead }))
}

const tcp: Readonly<Record<Kind, ReadonlyArray<Variant>>> = {
  delay: kernels,
  throttle: kernels,
  refuse: scene({ far: "closed port" }),
  cut: accepted(Fault.Cut()),
  "half-close": accepted(Fault.HalfClose()),
  reset: accepted(Fault.Reset()),
  corrupt: impossible("a damaged segment is not delivered"),
  blackhole: scene({ far: "unanswering port", hangs: true }),
  impostor: impossible("TCP knows no identity")
}

/** In the middle of the server's first flight: its hello has a head of 9 bytes, and a random value of 32 from 11 on. */
const inHandshake = (fault: Fault): ReadonlyArray<Variant> => at(fault, "response", () => 40, { secure: true })

const tls: Readonly<Record<Kind, ReadonlyArray<Variant>>> = {
  delay: inHandshake(ofProxy.delay!),
  throttle: inHandshake(ofProxy.throttle!),
  refuse: named("no common version", scene({ secure: true, far: "old TLS" })),
  cut: inHandshake(ofProxy.cut!),
  "half-close": inHandshake(ofProxy["half-close"]!),
  reset: inHandshake(ofProxy.reset!),
  corrupt: at(Fault.Corrupt({ bytes: 2, mask: 0x55 }), "response", () => 20, { secure: true }),
  blackhole: inHandshake(ofProxy.blackhole!),
  impostor: named("another's certificate", scene({ secure: true, far: "other certificate" }))
}

const inExchange = (
  direction: Direction,
  place: (method: Method) => number
): Readonly<Record<Kind, ReadonlyArray<Variant>>> => {
  const strike = (kind: Kind) => at(ofProxy[kind]!, direction, place)
  return {
    delay: strike("delay"),
    throttle: strike("throttle"),
    refuse: standing,
    cut: strike("cut"),
    "half-close": strike("half-close"),
    reset: strike("reset"),
    corrupt: silence,
    blackhole: strike("blackhole"),
    impostor: settled
  }
}

const damage = (bytes: number, mask: number): Fault => Fault.Corrupt({ bytes, mask })

const withoutContent = (variants: ReadonlyArray<Variant>): ReadonlyArray<Variant> =>
  variants.map((variant) => ({
    ...variant,
    make: (method, state) => (method === "GET" ? { impossible: "no content" } : variant.make(method, state))
  }))

/** 32 MiB: more than the buffers of two sockets on loopback. */
const stalled: ReadonlyArray<Variant> = at(ofProxy.blackhole!, "request", inRequest, { pieces: 2048 }).map(
  (variant) => ({
    ...variant,
    make: (method, state) => (method === "POST, stream" ? variant.make(method, state) : { impossible: "too short" })
  })
)

/** Behind a handshake, whose length differs from one version of OpenSSL to another by more than a small request has. */
const underTls: ReadonlyArray<Variant> = only((method, state) => {
  if (state === "new" && method !== "POST, stream") return { impossible: "too short to be aimed at behind a handshake" }
  const steps = [{ direction: "request" as const, at: inRequest(method), fault: damage(1, 0x01) }]
  return { ...usual, secure: true, ...(state === "kept" ? { armed: steps } : { script: { steps } }) }
})

const send = {
  ...inExchange("request", inRequest),
  corrupt: [
    ...named(
      "in the request line",
      at(damage(1, 0x20), "request", () => 0)
    ),
    ...named("in the content", withoutContent(at(damage(1, 0x01), "request", inRequest))),
    ...named("under TLS", underTls)
  ]
}
send.blackhole = [...send.blackhole, ...named("more than the kernels take", stalled)]

/** The same fault on the connection that the request is sent again on. */
const twice: ReadonlyArray<Variant> = at(Fault.Cut(), "response", () => 0, {
  later: { steps: [{ direction: "response", at: 0, fault: Fault.Cut() }] } satisfies Script
})

const wait = { ...inExchange("response", () => 0), throttle: silence }
wait.cut = [...wait.cut, ...named("and the next connection too", twice)]

const head = {
  ...inExchange("response", () => 9),
  corrupt: at(damage(1, 0x20), "response", () => 2)
}

const inBody = plain.head.length + 20

const body = {
  ...inExchange("response", () => inBody),
  corrupt: [
    ...named(
      "in the content",
      at(damage(1, 0x01), "response", () => inBody)
    ),
    ...named(
      "in a chunk's size",
      at(damage(1, 0x40), "response", () => chunked.head.length, { path: "/chunked" })
    ),
    ...named("under TLS", keptOnly(at(damage(1, 0x01), "response", () => 40_000, { secure: true, path: "/long" })))
  ]
}

const atRest = (fault: Fault, hangs = false): ReadonlyArray<Variant> => scene({ struck: fault, hangs })

const idle: Readonly<Record<Kind, ReadonlyArray<Variant>>> = {
  delay: silence,
  throttle: silence,
  refuse: standing,
  cut: atRest(Fault.Cut()),
  "half-close": atRest(Fault.HalfClose()),
  reset: atRest(Fault.Reset()),
  corrupt: named(
    "bytes nobody asked for",
    atRest(Fault.Inject({ text: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" }))
  ),
  blackhole: atRest(Fault.Blackhole({ millis: Infinity }), true),
  impostor: settled
}

const table: Readonly<Record<Phase, Readonly<Record<Kind, ReadonlyArray<Variant>>>>> = {
  dns,
  tcp,
  tls,
  send,
  wait,
  head,
  body,
  idle
}

/** A look-up, a dial and a handshake make a connection; an idle one has carried something; the rest happens to both. */
const statesOf = (phase: Phase): ReadonlyArray<State> =>
  phase === "idle" ? ["kept"] : phase === "dns" || phase === "tcp" || phase === "tls" ? ["new"] : ["new", "kept"]

export const isImpossible = (scene: Scene | Impossible): scene is Impossible => "impossible" in scene

/** What cannot be is said once, not of each kind of connection. */
const isEver = (make: Make): boolean => methods.some((method) => !isImpossible(make(method, "new")))

export const rows: ReadonlyArray<Row> = phases.flatMap((phase) =>
  kinds.flatMap((kind) =>
    table[phase][kind].flatMap(({ make, name, states = statesOf(phase) }) =>
      states
        .slice(0, isEver(make) ? undefined : 1)
        .map((state) => ({ phase, kind, variant: name, state, scene: (method: Method) => make(method, state) }))
    )
  )
)
