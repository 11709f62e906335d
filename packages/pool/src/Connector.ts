/**
 * How connections are opened. `@hotaru/node` opens real sockets, `@hotaru/testing` fakes them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Connection } from "./Connection.js"
import type { ConnectionKey } from "./ConnectionKey.js"
import type { ConnectError, ConnectPhase, EgressDenied } from "./PoolError.js"

/**
 * What a connector does.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectorShape {
  /**
   * Opens a connection to what the key names. The scope owns it: when the scope closes, the connection is destroyed;
   * when the effect is interrupted, nothing stays open. The pool bounds the whole by `connectionTimeout`, so
   * implementations need no timeout of their own; {@link CurrentDial} tells them how long it is.
   */
  readonly connect: (key: ConnectionKey) => Effect.Effect<Connection, ConnectError | EgressDenied, Scope.Scope>
}

/**
 * The service that opens connections; the pool asks nothing else for one.
 *
 * @since 0.1.0
 * @category tags
 */
export class Connector extends Context.Tag("@hotaru/pool/Connector")<Connector, ConnectorShape>() {}

/**
 * How far a dial has come.
 *
 * @since 0.1.0
 * @category models
 */
export interface DialPlace {
  readonly phase: ConnectPhase
  /** What the dial waits for, in words and without the host. */
  readonly detail: string
}

/**
 * What a connector may know of the dial that it makes, and what it may say of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CurrentDialShape {
  /** Milliseconds that the dial may take; then it is interrupted. */
  readonly timeout: number
  /**
   * Says where the dial is. It is asked when the dial's time passes, for `ConnectTimeout` to say, and when a request leaves:
   * a dial that no request waits for is given up while its phase is `dns`.
   */
  readonly tell: (place: () => DialPlace) => void
}

/**
 * The dial that a connector is asked for. Without a pool a dial has no time limit.
 *
 * @since 0.1.0
 * @category references
 */
export class CurrentDial extends Context.Reference<CurrentDial>()("@hotaru/pool/CurrentDial", {
  defaultValue: (): CurrentDialShape => ({ timeout: Infinity, tell: () => {} })
}) {}
