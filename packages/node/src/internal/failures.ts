/**
 * Which addresses failed lately.
 *
 * @internal
 */

/** An address that failed goes last for this long. Milliseconds. */
const remembered = 30_000

/** More addresses than this are not remembered: the oldest failure is forgotten first. */
const capacity = 1024

export class Failures {
  private readonly at = new Map<string, number>()
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  add(place: string): void {
    this.at.delete(place)
    this.at.set(place, this.now())
    for (const oldest of this.at.keys()) {
      if (this.at.size <= capacity) break
      this.at.delete(oldest)
    }
  }

  clear(place: string): void {
    this.at.delete(place)
  }

  has(place: string): boolean {
    const at = this.at.get(place)
    if (at === undefined) return false
    if (this.now() - at < remembered) return true
    this.at.delete(place)
    return false
  }
}
