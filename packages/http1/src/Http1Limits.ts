/**
 * How much of an answer's framing is read before it is refused.
 *
 * @since 0.1.0
 */

/**
 * Bounds on everything the codec holds or counts. Bodies are not held, so they have no bound here. `Infinity` is off.
 *
 * @since 0.1.0
 * @category models
 */
export interface Http1Limits {
  /** Bytes of the interim heads, the head and the trailers of one answer, taken together and with their line ends. */
  readonly maxHeaderSize: number
  /** Bytes of one status line, field line or chunk-size line, without its line end. */
  readonly maxLineLength: number
  /** Field lines in one head or trailer section. */
  readonly maxHeaders: number
  /** Interim answers (1xx) before the final one. */
  readonly maxInterimResponses: number
  /** Bytes of the chunk extensions of one body, taken together. */
  readonly maxChunkExtensions: number
}

/**
 * 1 MiB of heads, 64 KiB a line, 1,024 fields, 32 interim answers, 16 KiB of chunk extensions.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults: Http1Limits = {
  maxHeaderSize: 1024 * 1024,
  maxLineLength: 64 * 1024,
  maxHeaders: 1024,
  maxInterimResponses: 32,
  maxChunkExtensions: 16 * 1024
}
