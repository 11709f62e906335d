import * as Data from "effect/Data"

/** The command ran, and what it looked for does not hold. The report of it has been printed. */
export class Failed extends Data.TaggedError("Failed")<{ readonly what: string }> {
  override get message(): string {
    return this.what
  }
}
