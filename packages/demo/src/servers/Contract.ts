/** What the tour may ask of its servers, which run in a thread of their own so that they do not disturb the timing. */
import * as Rpc from "@effect/rpc/Rpc"
import * as RpcGroup from "@effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"

export const Addresses = Schema.Struct({
  /** Plain HTTP. */
  plain: Schema.String,
  /** HTTPS. */
  secure: Schema.String,
  /** Plain HTTP, and closes connections without a word. */
  closing: Schema.String,
  /** The authority to trust, PEM. */
  ca: Schema.String
})
export type Addresses = typeof Addresses.Type

export const ServerName = Schema.Literal("plain", "secure", "closing")
export type ServerName = typeof ServerName.Type

/** What a server counted by itself: the other side's word on what the pool says. */
export const Counters = Schema.Struct({
  requests: Schema.Number,
  /** Connections accepted. */
  accepted: Schema.Number,
  /** TLS handshakes completed. */
  handshakes: Schema.Number,
  /** The most connections open at one time. */
  peak: Schema.Number,
  /** Connections closed without notice, idle or under a request. */
  hungUp: Schema.Number
})
export type Counters = typeof Counters.Type

export class Contract extends RpcGroup.make(
  Rpc.make("Addresses", { success: Addresses }),
  Rpc.make("Counters", { payload: { server: ServerName }, success: Counters })
) {}
