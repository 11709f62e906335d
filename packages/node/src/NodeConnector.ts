/**
 * A `Connector` on the sockets of Node: TCP, TLS and unix sockets.
 *
 * @since 0.1.0
 */
import * as AsyncContexts from "@hotaru/pool/AsyncContexts"
import type { Connection } from "@hotaru/pool/Connection"
import type { ConnectionKey, TlsIdentity } from "@hotaru/pool/ConnectionKey"
import { Connector, type ConnectorShape, CurrentDial } from "@hotaru/pool/Connector"
import type { ConnectError, EgressDenied } from "@hotaru/pool/PoolError"
import * as SharedLayer from "@hotaru/pool/SharedLayer"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { EgressPolicy, type EgressPolicyShape, unrestricted } from "./EgressPolicy.js"
import { nodeContexts } from "./internal/asyncContexts.js"
import { Dial, type Dialler } from "./internal/dial.js"
import { refused } from "./internal/dialErrors.js"
import { guarding } from "./internal/egressGuard.js"
import { Failures } from "./internal/failures.js"
import { inForce } from "./internal/guards.js"
import { onTimer } from "./internal/race.js"
import { lookupsOf } from "./internal/resolving.js"
import { settingsOf } from "./internal/settings.js"
import { share } from "./internal/sharedLookups.js"
import { isNodeTlsIdentity, type NodeTlsIdentity } from "./internal/tlsIdentity.js"
import type { TlsOptions } from "./NodeTls.js"
import { Resolver, type ResolverShape } from "./Resolver.js"

/**
 * How sockets are opened. Everything is optional.
 *
 * @since 0.1.0
 * @category models
 */
export interface NodeConnectorOptions {
  /** The TLS identity of keys that name none, as options or as made by `NodeTls.identity`. */
  readonly tls?: TlsOptions | TlsIdentity | undefined
  /** The local IP address to dial from, of keys that name none. */
  readonly localAddress?: string | undefined
  /**
   * Which IP versions are dialled, and which first: `any` (as the resolver orders them), `prefer-ipv4`, `prefer-ipv6`,
   * `ipv4` (only), `ipv6` (only). `any`.
   */
  readonly family?: "any" | "prefer-ipv4" | "prefer-ipv6" | "ipv4" | "ipv6" | undefined
  /** Sends small writes at once (`TCP_NODELAY`). True. */
  readonly noDelay?: boolean | undefined
  /**
   * After how long a silence TCP asks whether the peer is still there; at least a second; `false`: never. 60 seconds.
   * `HttpSafety.tcpKeepAlive` overrides it for single requests.
   */
  readonly keepAlive?: Duration.DurationInput | false | undefined
  /** How names become addresses. The `Resolver` in the context, which is the operating system's unless provided. */
  readonly resolver?: ResolverShape | undefined
  /**
   * Which addresses and unix sockets may be dialled. The `EgressPolicy` in the context, which is
   * `EgressPolicy.unrestricted` unless provided; a policy given here takes its place. One that `EgressPolicy.guard` put
   * in force stays in force: then both must allow.
   */
  readonly egress?: EgressPolicyShape | undefined
}

/**
 * A connector. Options that make no sense are a defect (`InvalidPoolConfig`), here and not at the first dial. The scope
 * ends look-ups under way; connections belong to the scopes they were opened in.
 *
 * Fails dials with `ConnectError`: phase `dns`, `tcp` or `tls`, with the system's, Node's or OpenSSL's code; and with
 * `EgressDenied` where the policy denies all addresses of a host.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: NodeConnectorOptions = {}): Effect.Effect<ConnectorShape, never, Scope.Scope> =>
  Effect.gen(function* () {
    AsyncContexts.install(nodeContexts)
    const { identity, ...settings } = yield* Effect.sync(() => settingsOf(options))
    const lookups = yield* lookupsOf(options.resolver ?? (yield* Resolver))
    const now = () => performance.now()
    const policy = inForce(options.egress, yield* EgressPolicy)
    const guard = policy === unrestricted ? undefined : yield* guarding(policy)
    const dialler: Dialler = { ...settings, lookups, failures: new Failures(now), later: onTimer, guard }
    yield* warnOnce(identity)
    const connector: ConnectorShape = {
      connect: (key) => {
        if (key.proxy !== undefined) return Effect.fail(refused(key, "proxy", "this connector knows no proxies", true))
        if (!key.useTls) return dial(dialler, key, undefined)
        const wanted = key.tls ?? identity
        if (!isNodeTlsIdentity(wanted)) {
          return Effect.fail(refused(key, "tls", "the key's TLS identity was not made by NodeTls.identity", true))
        }
        return wanted.verifies || wanted.warned
          ? dial(dialler, key, wanted)
          : Effect.zipRight(warnOnce(wanted), dial(dialler, key, wanted))
      }
    }
    share(connector, lookups)
    return connector
  })

/**
 * {@link make} as a layer. Without options it is a constant, which all who provide it share.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: (options?: NodeConnectorOptions) => Layer.Layer<Connector> = (options) =>
  options === undefined ? usual : sharedBy(options)

/** The policy and the resolver in force where it is built are part of what it is. */
const sharedBy = (options: NodeConnectorOptions): Layer.Layer<Connector> =>
  SharedLayer.by([EgressPolicy, Resolver], () => Layer.scoped(Connector, make(options)))

const usual = sharedBy({})

/**
 * No canceler: an interruption between registering and waiting would skip it. Whether the wait ends with an
 * interruption, before or after the connection is there, `abort` closes what is open.
 */
const dial = (
  dialler: Dialler,
  key: ConnectionKey,
  identity: NodeTlsIdentity | undefined
): Effect.Effect<Connection, ConnectError | EgressDenied, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(CurrentDial, (given) => {
      let current: Dial | undefined
      const opened = Effect.async<Connection, ConnectError | EgressDenied>((resume) => {
        const begun = new Dial(dialler, key, identity, {
          timeout: given.timeout,
          onOpened: (connection) => resume(Effect.succeed(connection)),
          onFailed: (error) => resume(Effect.fail(error))
        })
        current = begun
        given.tell(() => begun.place())
        begun.start()
      })
      return Effect.matchCauseEffect(restore(opened), {
        onFailure: (cause) => {
          current?.abort()
          return Effect.failCause(cause)
        },
        onSuccess: (connection) =>
          // `Effect.addFinalizer` would keep the fiber's context for as long as the connection lives.
          Effect.flatMap(Effect.scope, (scope) =>
            Effect.as(
              Scope.addFinalizer(
                scope,
                Effect.sync(() => connection.destroy("the scope was closed"))
              ),
              connection
            )
          )
      })
    })
  )

const warnOnce = (identity: NodeTlsIdentity): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (identity.verifies || identity.warned) return Effect.void
    identity.warned = true
    return Effect.logWarning(
      `TLS certificates are not verified for the identity "${identity.label}": whoever sits on the way can read and change everything`
    )
  })
