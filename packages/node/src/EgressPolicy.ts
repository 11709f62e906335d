/**
 * Where a connector may dial: for programs that go to URLs which somebody else has chosen.
 *
 * The policy is asked after the name was resolved, about each address that is about to be dialled, and what it was asked
 * about is what is dialled: no name is resolved twice, and IP literals are no exception. Redirects dial too. What it does
 * not judge: connections that are open, because they are to addresses that it allowed; and the look-up itself, which
 * comes first.
 *
 * @since 0.1.0
 */
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import * as SharedLayer from "@hotaru/pool/SharedLayer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Combined from "./internal/egressCombined.js"
import { compile } from "./internal/egressRules.js"
import { begin, wasUsed } from "./internal/guards.js"
import { whyNotPublic } from "./internal/publicInternet.js"

/**
 * What is about to be dialled.
 *
 * @since 0.1.0
 * @category models
 */
export type Destination = AddressDestination | SocketDestination

/**
 * An address of a host.
 *
 * @since 0.1.0
 * @category models
 */
export interface AddressDestination {
  readonly _tag: "Address"
  /** As the key has it: a name in the WHATWG host parser's spelling (a trailing dot stays), or an IP literal. */
  readonly host: string
  readonly port: number
  readonly useTls: boolean
  /** The IP literal that is dialled, in its one canonical spelling. IPv4 mapped into IPv6 has become IPv4. */
  readonly address: string
}

/**
 * A unix socket, whatever host the URL names.
 *
 * @since 0.1.0
 * @category models
 */
export interface SocketDestination {
  readonly _tag: "Socket"
  readonly host: string
  readonly port: number
  readonly useTls: boolean
  /** The path that is dialled, as the key has it. */
  readonly path: string
}

/**
 * What a policy answers. `rule` says in words what denied it: it ends up in `EgressDenied`, and in events.
 *
 * @since 0.1.0
 * @category models
 */
export type Verdict = { readonly _tag: "Allowed" } | { readonly _tag: "Denied"; readonly rule: string }

/**
 * A policy. What it throws, dies of, or answers beside a {@link Verdict} denies.
 *
 * @since 0.1.0
 * @category models
 */
export interface EgressPolicyShape {
  /** Names the policy in errors and in the metric. */
  readonly label: string
  /** An effect counts against the pool's `connectionTimeout`, and is interrupted when its dial is given up. */
  readonly judge: (destination: Destination) => Verdict | Effect.Effect<Verdict>
}

/**
 * A port, or a range of ports such as `"8000-8999"`.
 *
 * @since 0.1.0
 * @category models
 */
export type Ports = number | `${number}-${number}`

/**
 * A rule matches if each of its fields does, and a field if one of its values does. It has at least one field, and
 * `socketPath` stands alone: a rule is about addresses or about unix sockets.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rule {
  /**
   * A host as URLs name it, an IP literal among them, or `*.example.com`: every name below `example.com`, and not that
   * itself. Case, punycode and a trailing dot make no difference.
   */
  readonly host?: string | ReadonlyArray<string> | undefined
  readonly port?: Ports | ReadonlyArray<Ports> | undefined
  /**
   * An address, or a block such as `10.0.0.0/8` or `fd00::/8`. To deny, a block of IPv4 also matches all IPv6 addresses
   * that lead there: NAT64, 6to4, Teredo, ISATAP, compatible and translated ones. To allow, it matches nothing but the
   * address that is dialled.
   */
  readonly cidr?: string | ReadonlyArray<string> | undefined
  /** An absolute path of a unix socket, or one with a `/` at its end: every path below it. Links are not followed. */
  readonly socketPath?: string | ReadonlyArray<string> | undefined
  /** Names the rule in errors. Made up from the fields otherwise. */
  readonly label?: string | undefined
}

/**
 * What a policy of rules is made of. The order of rules means nothing: what a rule of `deny` matches is denied, whatever
 * `allow` says. Of the rest everything is allowed where there is no `allow`, else what one of its rules matches; an empty
 * `allow` allows nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rules {
  readonly allow?: ReadonlyArray<Rule> | undefined
  readonly deny?: ReadonlyArray<Rule> | undefined
  /** Names the policy. `"rules"`. */
  readonly label?: string | undefined
}

/**
 * The verdict that allows.
 *
 * @since 0.1.0
 * @category constructors
 */
export const allowed: Verdict = { _tag: "Allowed" }

/**
 * A verdict that denies, and says why.
 *
 * @since 0.1.0
 * @category constructors
 */
export const denied = (rule: string): Verdict => ({ _tag: "Denied", rule })

/**
 * A policy of rules. Rules that make no sense throw an `InvalidPoolConfig` that names the field.
 *
 * A rule that allows a host believes whoever answers for that name: combine it with {@link publicInternetOnly} by
 * {@link all}, unless the name is your own.
 *
 * @example
 * ```ts
 * import { EgressPolicy } from "@hotaru/node"
 *
 * const partners = EgressPolicy.make({
 *   label: "partners",
 *   allow: [
 *     { host: ["api.partner.example", "*.cdn.example"], port: 443 },
 *     { cidr: "10.20.0.0/16", port: "8000-8999" }
 *   ],
 *   deny: [{ cidr: "10.20.0.1", label: "the gateway" }]
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (rules: Rules) => EgressPolicyShape = compile

/**
 * A policy of your own, as a function or as an effect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromFunction = (label: string, judge: EgressPolicyShape["judge"]): EgressPolicyShape => ({ label, judge })

/**
 * Everything may be dialled. The default.
 *
 * @since 0.1.0
 * @category policies
 */
export const unrestricted: EgressPolicyShape = fromFunction("unrestricted", () => allowed)

/**
 * Nothing but the public internet: what the IANA special-purpose registries for IPv4 and IPv6 call globally reachable.
 * Denied are loopback, private, link-local, unique-local, shared (CGNAT), multicast, broadcast, documentation,
 * benchmarking and reserved addresses, IPv6 outside 2000::/3, the clouds' metadata services, addresses that lead to any of
 * these by NAT64, 6to4, Teredo or ISATAP, and unix sockets.
 *
 * It cannot know that a public address is your own: allow what you mean to reach, if your firewall trusts it. Neither
 * can it know a NAT64 prefix or a 6rd domain of your network's own: deny those blocks with a policy of rules.
 *
 * @example
 * ```ts
 * import { EgressPolicy, NodePooledHttpClient } from "@hotaru/node"
 *
 * const ForStrangersUrls = NodePooledHttpClient.layer({
 *   connector: { egress: EgressPolicy.publicInternetOnly }
 * })
 * ```
 *
 * @since 0.1.0
 * @category policies
 */
export const publicInternetOnly: EgressPolicyShape = fromFunction("public internet only", (destination) => {
  if (destination._tag === "Socket") return denied("a unix socket is not the public internet")
  const why = whyNotPublic(destination.address)
  return why === undefined ? allowed : denied(why)
})

/**
 * Allows what all of these allow; asks in order, and no further than the first that denies. Of none, denies
 * everything.
 *
 * @example
 * ```ts
 * import { EgressPolicy } from "@hotaru/node"
 *
 * const webOnly = EgressPolicy.all(
 *   EgressPolicy.publicInternetOnly,
 *   EgressPolicy.make({ allow: [{ port: [80, 443] }] })
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const all: (...policies: ReadonlyArray<EgressPolicyShape>) => EgressPolicyShape = Combined.all

/**
 * Allows what any of these allows; asks in order, and no further than the first that allows. Of none, denies
 * everything.
 *
 * @example
 * ```ts
 * import { EgressPolicy } from "@hotaru/node"
 *
 * const publicOrOurs = EgressPolicy.any(
 *   EgressPolicy.publicInternetOnly,
 *   EgressPolicy.make({ label: "ours", allow: [{ host: "*.internal", cidr: "10.20.0.0/16" }] })
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const any: (...policies: ReadonlyArray<EgressPolicyShape>) => EgressPolicyShape = Combined.any

/**
 * How many addresses were denied, with the policy's label as the tag `policy`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const deniedAddresses: Metric.Metric.Counter<number> = Metric.counter("hotaru_egress_denied", {
  description: "Addresses that an egress policy did not let be dialled",
  incremental: true
})

/**
 * The policy of the connectors that are built where it is provided and are given none as an option;
 * {@link unrestricted} by default.
 *
 * @since 0.1.0
 * @category references
 */
export class EgressPolicy extends Context.Reference<EgressPolicy>()("@hotaru/node/EgressPolicy", {
  defaultValue: (): EgressPolicyShape => unrestricted
}) {}

/**
 * The layer, under a policy: for those that take no options, such as `PoolLive`. Keep the result in a constant. It is
 * built anew, and never shared with the same layer elsewhere in the program, which is under no policy or another.
 *
 * Inside, the guard holds over everything: connectors that are given a policy of their own, and guards further in, must
 * allow an address as well. It goes around the layer that opens the connections: around one whose pool comes from
 * outside it could guard nothing, and fails the build with a defect, `InvalidPoolConfig`.
 *
 * @example
 * ```ts
 * import { EgressPolicy, PoolLive } from "@hotaru/node"
 *
 * const GuardedPool = PoolLive.pipe(EgressPolicy.guard(EgressPolicy.publicInternetOnly))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const guard: {
  (policy: EgressPolicyShape): <A, E, R>(self: Layer.Layer<A, E, R>) => Layer.Layer<A, E, R>
  <A, E, R>(self: Layer.Layer<A, E, R>, policy: EgressPolicyShape): Layer.Layer<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Layer.Layer<A, E, R>, policy: EgressPolicyShape): Layer.Layer<A, E, R> =>
    // Fresh, or it would be the layer that was built elsewhere in the program without the guard; suspended, because a
    // fresh layer alone is built anew wherever it is provided.
    SharedLayer.by([EgressPolicy], () =>
      Layer.suspend(() =>
        Layer.fresh(Layer.unwrapEffect(Effect.map(EgressPolicy, (around) => guarded(self, begin(policy, around)))))
      )
    )
)

const guarded = <A, E, R>(self: Layer.Layer<A, E, R>, guard: EgressPolicyShape): Layer.Layer<A, E, R> =>
  Layer.tap(Layer.provide(self, Layer.succeed(EgressPolicy, guard)), () =>
    wasUsed(guard) ? Effect.void : Effect.die(guardsNothing(guard.label))
  )

const guardsNothing = (label: string): InvalidPoolConfig =>
  new InvalidPoolConfig({
    field: `EgressPolicy.guard (${label})`,
    value: "one whose connections are opened elsewhere",
    expected: "put around a layer that opens connections, such as PoolLive"
  })
