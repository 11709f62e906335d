/** Plays the whole matrix, a cell after the other. */
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { type Impossible, type Method, methods, type Outcome, type Played, type Row } from "./Cell.js"
import { play } from "./play.js"
import { isImpossible, rows } from "./rows.js"
import * as World from "./World.js"

export const run = (some: ReadonlyArray<Row> = rows): Effect.Effect<ReadonlyArray<Played>, HttpClientError, Scope> =>
  Effect.gen(function* () {
    const world = yield* World.make
    return yield* Effect.forEach(some, (row) =>
      Effect.gen(function* () {
        const outcomes = new Map<Method, Outcome | Impossible>()
        for (const method of methods) {
          const scene = row.scene(method)
          outcomes.set(method, isImpossible(scene) ? scene : yield* play(scene, method, row.state, world))
        }
        return { row, outcomes }
      })
    )
  })
