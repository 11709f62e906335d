export class StoryFailed extends Error {
  override readonly name = "StoryFailed"
  constructor(
    readonly statement: string,
    readonly found: string,
    readonly transcript: ReadonlyArray<string>
  ) {
    super(`${statement}: ${found}\nThe story so far:\n${transcript.map((line) => `  ${line}`).join("\n")}`)
  }
}
