/**
 * Parameters of URLs whose values are secret: signatures of signed links, tokens, keys, passwords. A span, an error, a log
 * and a printed request or response show `REDACTED` in place of such a value, and keep the name. What is sent stays as it
 * is.
 *
 * In force is the list around the call; without one, that of the client's layer; without either, {@link defaults}. A list
 * takes the place of the one before: to extend it, name what is in it. Names in `Headers.currentRedactedNames` are secret
 * in URLs, too.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as internal from "./internal/secrets.js"

/**
 * Names, and patterns of names. Case makes no difference: a server may take `Token` for `token`, and a name that is
 * redacted without need costs less than a secret that is shown.
 *
 * @since 0.1.0
 * @category models
 */
export type SecretParams = ReadonlyArray<string | RegExp>

/**
 * The list in force where nobody has changed it. Those that OpenTelemetry names for `url.full` and `url.query`:
 * `AWSAccessKeyId`, `Signature`, `sig`, `X-Amz-Signature`, `X-Amz-Credential`, `X-Amz-Security-Token`,
 * `X-Goog-Signature`. Beside them `token`, `access_token`, `api_key`, `key`, `password` and `secret`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults: SecretParams = internal.defaults

/**
 * The list in force.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { SecretParams } from "@hotaru/client"
 * import { Effect } from "effect"
 *
 * const request = HttpClient.get("https://example.com/?ticket=t").pipe(
 *   Effect.provideService(SecretParams.SecretParams, [...SecretParams.defaults, "ticket", /^x-goog-/])
 * )
 * ```
 *
 * @since 0.1.0
 * @category references
 */
export const SecretParams: Context.Reference<SecretParams, SecretParams> = Context.Reference<SecretParams>()(
  "@hotaru/client/SecretParams",
  { defaultValue: () => defaults }
)
