/**
 * What of a body has come and was not taken. A piece costs some 300 bytes whatever it holds, so a peer that sends single
 * bytes could make a body of a few megabytes fill the memory: small pieces that follow each other become one.
 *
 * @internal
 */
import { concat } from "./bytes.js"

/** A piece of at most this many bytes is small. */
const small = 1024

/** What small pieces are gathered in: at first, and at most. */
const firstRoom = 4096
const mostRoom = 64 * 1024

export class Pieces {
  private list: Array<Uint8Array> = []
  /** What the last pieces are gathered in; its first `used` bytes come after the list. */
  private room: Uint8Array | undefined = undefined
  private used = 0

  get isEmpty(): boolean {
    return this.list.length === 0 && this.room === undefined
  }

  /** Bytes that stay as they are. */
  add(bytes: Uint8Array): void {
    this.seal()
    // Most bodies are of one piece; an array that grows takes room for sixteen more.
    if (this.list.length === 0) this.list = [bytes]
    else this.list.push(bytes)
  }

  /** Copies a small piece that follows a small one. Answers false if it is none. */
  gather(bytes: Uint8Array): boolean {
    if (bytes.length > small) return false
    if (this.room === undefined) {
      const last = this.list[this.list.length - 1]
      if (last === undefined || last.length > small) return false
      this.list.pop()
      this.open(firstRoom)
      this.put(last)
    }
    if (this.used + bytes.length > this.room!.length) {
      const next = Math.min(this.room!.length * 2, mostRoom)
      this.seal()
      this.open(next)
    }
    this.put(bytes)
    return true
  }

  take(): ReadonlyArray<Uint8Array> {
    this.seal()
    const taken = this.list
    this.list = []
    return taken
  }

  takeOne(): Uint8Array | undefined {
    this.seal()
    return this.list.shift()
  }

  clear(): void {
    this.list = []
    this.room = undefined
  }

  /** All of it: as one piece, which stays, or as a copy for whoever asks. */
  all(copy: boolean): Uint8Array {
    if (!copy) return this.whole()
    this.seal()
    // What keeps bytes may keep them as a `Buffer`, whose own `slice` is a view.
    return this.list.length === 1 ? Uint8Array.prototype.slice.call(this.list[0]!) : concat(this.list)
  }

  /** All of it as one piece, which stays. */
  whole(): Uint8Array {
    this.seal()
    if (this.list.length !== 1) this.list = [concat(this.list)]
    return this.list[0]!
  }

  private open(size: number): void {
    this.room = new Uint8Array(size)
    this.used = 0
  }

  private put(bytes: Uint8Array): void {
    this.room!.set(bytes, this.used)
    this.used += bytes.length
  }

  /** What was gathered becomes a piece, exactly as long as its bytes and never written to again. */
  private seal(): void {
    if (this.room === undefined) return
    this.list.push(this.used === this.room.length ? this.room : this.room.slice(0, this.used))
    this.room = undefined
  }
}
