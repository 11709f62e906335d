/**
 * Decoders are reused from one answer to the next, with whatever connection: between two answers they hold nothing.
 *
 * @internal
 */
import * as ResponseDecoder from "@hotaru/http1/ResponseDecoder"
import type { Limits } from "./safety.js"

/** More than this many at rest are left to the garbage collector. */
const kept = 256

export const take = (limits: Limits): ResponseDecoder.ResponseDecoder =>
  limits.decoders.pop() ?? ResponseDecoder.make(limits.http1)

/** Only a decoder whose answer has ended, and ended well, may be given back. */
export const giveBack = (limits: Limits, decoder: ResponseDecoder.ResponseDecoder): void => {
  if (limits.decoders.length < kept) limits.decoders.push(decoder)
}
