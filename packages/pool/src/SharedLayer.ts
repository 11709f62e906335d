/**
 * Layers that may be constants although what they build depends on what they are provided with.
 *
 * Effect builds a layer once for each program and finds it again by its identity alone. A constant layer that is provided
 * with two different things in one program, such as an open and a guarded connector, is therefore built with one of the
 * two, and both of its users get that one. The layers of this module are found by their identity and by the services
 * they depend on: users who provide the same share one, users who provide something else get another.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

/**
 * What a layer's result depends on: a tag, a reference, or one of Effect's default services (`Clock`, `ConfigProvider`,
 * `Random`).
 *
 * @since 0.1.0
 * @category models
 */
export interface Dependency {
  readonly key: string
}

/** One layer for each set of services; what is remembered of a service goes with it. */
class Variants<A, E, R> {
  private readonly objects = new WeakMap<object, Variants<A, E, R>>()
  private readonly others = new Map<unknown, Variants<A, E, R>>()
  private layer: Layer.Layer<A, E, R> | undefined = undefined

  constructor(private readonly make: () => Layer.Layer<A, E, R>) {}

  of(services: ReadonlyArray<unknown>): Layer.Layer<A, E, R> {
    let variants: Variants<A, E, R> = this
    for (const service of services) variants = variants.next(service)
    variants.layer ??= this.make()
    return variants.layer
  }

  private next(service: unknown): Variants<A, E, R> {
    const isObject = (typeof service === "object" && service !== null) || typeof service === "function"
    const found = isObject ? this.objects.get(service) : this.others.get(service)
    if (found !== undefined) return found
    const made = new Variants<A, E, R>(this.make)
    if (isObject) this.objects.set(service, made)
    else this.others.set(service, made)
    return made
  }
}

/**
 * A layer that is built once for each set of the services named, within one program.
 *
 * `make` is called for each set anew and answers a layer of its own each time: one that it answered twice would be found
 * by its identity again.
 *
 * @example
 * ```ts
 * import { ConnectionPool, SharedLayer } from "@hotaru/pool"
 * import { Context, Effect, Layer } from "effect"
 *
 * class Crawler extends Context.Tag("Crawler")<Crawler, { readonly visit: (url: string) => Effect.Effect<void> }>() {}
 *
 * declare const makeCrawler: Effect.Effect<Context.Tag.Service<Crawler>, never, ConnectionPool.ConnectionPool>
 *
 * // One crawler for each pool it is provided with.
 * export const CrawlerLive = SharedLayer.by([ConnectionPool.ConnectionPool], () => Layer.effect(Crawler, makeCrawler))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const by = <A, E, R>(
  dependencies: ReadonlyArray<Dependency>,
  make: () => Layer.Layer<A, E, R>
): Layer.Layer<A, E, R> => {
  const variants = new Variants(make)
  // A fresh layer is the only one that Effect does not look up by identity. The suspended one inside is evaluated before
  // the memo map of the program gives way to the fresh layer's own, so the program's is still there to be asked.
  return Layer.fresh(
    Layer.suspend(() => {
      const fiber = Option.getOrThrow(Fiber.getCurrentFiber())
      const context = fiber.currentContext
      const defaults = fiber.getFiberRef(DefaultServices.currentServices)
      const services = dependencies.map((dependency) => serviceOf(context, defaults, dependency))
      // Merged, because what is merged is looked up by its identity whatever it is made of.
      const variant = Layer.mergeAll(variants.of(services))
      // The reference's own default would be one memo map for the whole process.
      if (!context.unsafeMap.has(Layer.CurrentMemoMap.key)) return variant
      const memoMap = Context.get(context, Layer.CurrentMemoMap)
      return Layer.scopedContext(
        Effect.flatMap(Effect.scope, (scope) => Layer.buildWithMemoMap(variant, memoMap, scope))
      ) as Layer.Layer<A, E, R>
    })
  )
}

const serviceOf = (
  context: Context.Context<never>,
  defaults: Context.Context<DefaultServices.DefaultServices>,
  dependency: Dependency
): unknown => {
  // Effect takes its default services from the fiber, whatever the context has under their names.
  const provided = defaults.unsafeMap.get(dependency.key) ?? context.unsafeMap.get(dependency.key)
  if (provided !== undefined) return provided
  return Context.isReference(dependency)
    ? Context.get(context, dependency as unknown as Context.Reference<unknown, unknown>)
    : undefined
}
