/** What happened, line by line, and a hash of all of it. */

export class Broken extends Error {}

export class Trace {
  readonly lines: Array<string> = []
  step = 0
  /** The first invariant that broke; whoever catches the error on its way does not hide it. */
  failure: Broken | undefined = undefined
  private hashed = 0x811c9dc5

  constructor(
    readonly now: () => number,
    private readonly kept: number
  ) {}

  note(text: string): void {
    const line = `${this.step.toString().padStart(4)} ${(this.now() / 1000).toFixed(3).padStart(9)}s  ${text}`
    for (let i = 0; i < line.length; i++) this.hashed = Math.imul(this.hashed ^ line.charCodeAt(i), 0x01000193)
    this.lines.push(line)
    if (this.lines.length > 2 * this.kept) this.lines.splice(0, this.lines.length - this.kept)
  }

  /** Something is not as it must be: the run ends here. */
  broken(invariant: string, what: string): never {
    const error = new Broken(`${invariant}: ${what}`)
    if (this.failure === undefined) this.note(`BROKEN ${error.message}`)
    this.failure ??= error
    throw error
  }

  get last(): ReadonlyArray<string> {
    return this.lines.slice(-this.kept)
  }

  /** Two runs with the same hash did the same. */
  get hash(): string {
    return (this.hashed >>> 0).toString(16).padStart(8, "0")
  }
}
