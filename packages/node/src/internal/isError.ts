/**
 * Whether a value is an `Error`, whichever realm made it: what runs in `node:vm`, as under some test runners, has an
 * `Error` of its own.
 *
 * @internal
 */
import { types } from "node:util"

export const isError = (value: unknown): value is Error => value instanceof Error || types.isNativeError(value)
