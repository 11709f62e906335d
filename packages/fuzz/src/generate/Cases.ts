/** What the readers are fed. */
import * as FastCheck from "effect/FastCheck"
import type { Case } from "../Case.js"
import * as Answers from "./Answers.js"
import { mutated } from "./Mutations.js"

const method: FastCheck.Arbitrary<Case["method"]> = FastCheck.oneof(
  { weight: 12, arbitrary: FastCheck.constant("GET" as const) },
  { weight: 2, arbitrary: FastCheck.constant("HEAD" as const) },
  { weight: 1, arbitrary: FastCheck.constant("CONNECT" as const) }
)

const rarely = FastCheck.nat(14).map((draw) => draw === 14)

export const cases: FastCheck.Arbitrary<Case> = FastCheck.record({
  method,
  upgrade: rarely,
  lowLimits: rarely,
  cuts: FastCheck.array(FastCheck.nat(99), { maxLength: 3 }).map((parts) =>
    parts.sort((left, right) => left - right).map((part) => part / 100)
  ),
  bytes: FastCheck.oneof({ weight: 1, arbitrary: Answers.stream }, { weight: 1, arbitrary: mutated(Answers.stream) })
})
