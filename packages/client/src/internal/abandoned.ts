/**
 * The last net under responses that were dropped with their body unread: the garbage collector tells. Never the normal
 * way, which is read-ahead, `unreadBodyTimeout`, a scope, or reading.
 *
 * @internal
 */

interface Abortable {
  abort(reason: string): void
}

const registry = new FinalizationRegistry<Abortable>((exchange) => exchange.abort("nobody holds its response any more"))

/** The exchange must not hold the response, or it would never be collected. */
export const watch = (response: object, exchange: Abortable): void => registry.register(response, exchange)
