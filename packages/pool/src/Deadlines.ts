/**
 * Many limits, one timer. A deadline costs two links of a list to set and to clear; nothing on the way to success waits
 * for it.
 *
 * @since 0.1.0
 */

/**
 * One limit in time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Deadline {
  /** Clears the deadline; does nothing if it has fired or was cleared. */
  clear(): void
}

/**
 * All limits in time of one pool and of what is built on it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Deadlines {
  /** Milliseconds of the pool's clock, never going back. */
  readonly now: () => number
  /** Calls `onExpired` once, synchronously from the timer, when `millis` have passed. It must not throw. */
  readonly set: (millis: number, onExpired: () => void) => Deadline
}
