/**
 * Whose look-ups those are who do not dial.
 *
 * @internal
 */
import { Connector, type ConnectorShape } from "@hotaru/pool/Connector"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import { Resolver, type ResolverShape } from "../Resolver.js"
import type { Lookups } from "./lookups.js"
import { lookupsBy } from "./resolving.js"

const ofConnectors = new WeakMap<ConnectorShape, Lookups>()
const ofResolvers = new WeakMap<ResolverShape, OwnLookups>()

/** From here on the connector's look-ups can be shared. */
export const share = (connector: ConnectorShape, lookups: Lookups): void => void ofConnectors.set(connector, lookups)

/**
 * The look-ups of the connector in the context, so that they are bounded together with those of its dials and ask the
 * same resolver; under a connector of another kind those of the `Resolver` in the context.
 */
export const lookupsIn: Effect.Effect<Lookups> = Effect.contextWithEffect((context: Context.Context<never>) => {
  const connector = Context.getOption(context, Connector)
  const shared = connector._tag === "Some" ? ofConnectors.get(connector.value) : undefined
  return shared === undefined ? Effect.flatMap(Resolver, ofResolver) : Effect.succeed(shared)
})

const ofResolver = (resolver: ResolverShape): Effect.Effect<Lookups> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const known = ofResolvers.get(resolver)
    const own = known ?? new OwnLookups(resolver)
    if (known === undefined) ofResolvers.set(resolver, own)
    own.runtime = runtime
    return own.lookups
  })

/** Look-ups that are begun with the context of whoever asked last: who asked first may be gone. */
class OwnLookups {
  runtime = Runtime.defaultRuntime
  readonly lookups: Lookups

  constructor(resolver: ResolverShape) {
    this.lookups = lookupsBy(resolver, (effect) => Runtime.runFork(this.runtime)(effect))
  }
}
