/** What a test may put between the parts, to see that the invariants notice. */
import type * as HttpClient from "@effect/platform/HttpClient"
import type { ConnectionPoolShape } from "@hotaru/pool/ConnectionPool"
import type { ConnectorShape } from "@hotaru/pool/Connector"
import type { PoolConfig } from "@hotaru/pool/PoolConfig"

export interface Sabotage {
  /** The pool gets other options than the invariants know of. */
  readonly config?: (config: Partial<PoolConfig>) => Partial<PoolConfig>
  readonly connector?: (connector: ConnectorShape) => ConnectorShape
  readonly pool?: (pool: ConnectionPoolShape) => ConnectionPoolShape
  readonly client?: (client: HttpClient.HttpClient) => HttpClient.HttpClient
}
