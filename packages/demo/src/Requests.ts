/** Many GETs, each one timed. */
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"

export interface Outcome {
  /** Milliseconds from asking to the last byte of the answer, of each request that was answered. */
  readonly latencies: ReadonlyArray<number>
  readonly failures: ReadonlyArray<HttpClientError>
  /** How often each status came. */
  readonly statuses: Readonly<Record<number, number>>
  /** Milliseconds for all of them. */
  readonly took: number
}

export interface Options {
  readonly url: (id: number) => string
  readonly count: number
  readonly concurrency: number | "unbounded"
}

export interface Answer {
  readonly status: number
  readonly took: number
}

export const one = (url: string): Effect.Effect<Answer, HttpClientError, HttpClient.HttpClient> =>
  HttpClient.get(url).pipe(
    // The body is read to its end: only then can a connection go back.
    Effect.flatMap((response) => Effect.as(response.arrayBuffer, response.status)),
    Effect.timed,
    Effect.map(([took, status]) => ({ status, took: Duration.toMillis(took) }))
  )

export const many = (
  options: Options & { readonly onDone?: Effect.Effect<void>; readonly before?: Effect.Effect<void> }
): Effect.Effect<Outcome, never, HttpClient.HttpClient> =>
  Effect.forEach(
    Array.from({ length: options.count }, (_, id) => options.url(id)),
    (url) =>
      (options.before ?? Effect.void).pipe(
        Effect.zipRight(Effect.either(one(url))),
        Effect.zipLeft(options.onDone ?? Effect.void)
      ),
    { concurrency: options.concurrency }
  ).pipe(
    Effect.timed,
    Effect.map(([took, answers]) => {
      const statuses: Record<number, number> = {}
      const latencies: Array<number> = []
      const failures: Array<HttpClientError> = []
      for (const answer of answers) {
        if (Either.isLeft(answer)) failures.push(answer.left)
        else {
          latencies.push(answer.right.took)
          statuses[answer.right.status] = (statuses[answer.right.status] ?? 0) + 1
        }
      }
      return { latencies, failures, statuses, took: Duration.toMillis(took) }
    })
  )

/** What a failure says, without the layers it came through. */
export const reason = (error: HttpClientError): string =>
  error.cause instanceof Error ? error.cause.message : error.message
