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
import type { ConnectError, EgressDenied } from "./PoolError.js"

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
   * implementations need no timeout of their own.
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
