/**
 * Finds where each request of a connection ends, and counts the bytes of its body; looks at nothing else.
 */

const endOfHead = "\r\n\r\n"

export class Requests {
  private pending = ""
  private path = ""
  private received = 0
  /** Bytes of the body, or of its current chunk and the line end behind that, still to come. */
  private left = 0
  /** What is read when those have come. */
  private next: "head" | "answer" | "size" | "trailer" = "head"

  /** Called with the path and the size of the body at the end of each request. */
  constructor(private readonly onRequest: (path: string, received: number) => void) {}

  /** Whether nothing of a request has come that has not ended. */
  get isIdle(): boolean {
    return this.next === "head" && this.left === 0 && this.pending === ""
  }

  push(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length || this.next === "answer") {
      if (this.left > 0) {
        const taken = Math.min(this.left, bytes.length - at)
        if (taken === 0) return
        at += taken
        this.left -= taken
      } else if (this.next === "answer") {
        this.next = "head"
        this.onRequest(this.path, this.received)
      } else {
        at = this.text(bytes, at)
      }
    }
  }

  /** Reads a head, a chunk's size or the line behind the last chunk; answers with the place after it. */
  private text(bytes: Buffer, from: number): number {
    const end = this.next === "head" ? endOfHead : "\r\n"
    const before = this.pending.length
    // A chunk's data may follow: no more is made a string than a line needs.
    const to = this.next === "head" ? bytes.length : Math.min(bytes.length, from + 64)
    const text = this.pending + bytes.toString("latin1", from, to)
    const found = text.indexOf(end)
    if (found < 0) {
      this.pending = text
      return to
    }
    this.pending = ""
    if (this.next === "head") this.head(text, found)
    else this.line(text, found)
    return from + found + end.length - before
  }

  private head(text: string, end: number): void {
    const path = text.indexOf(" ") + 1
    this.path = text.slice(path, text.indexOf(" ", path))
    this.received = 0
    this.next = "answer"
    if (text.startsWith("GET ")) return
    const head = text.slice(0, end + 2)
    if (/\r\ntransfer-encoding: *chunked\r\n/i.test(head)) this.next = "size"
    else this.received = this.left = Number(/\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1] ?? 0)
  }

  private line(text: string, end: number): void {
    if (this.next === "trailer") {
      this.next = end === 0 ? "answer" : "trailer"
      return
    }
    const size = Number.parseInt(text.slice(0, end), 16)
    if (Number.isNaN(size)) throw new Error(`no chunk size: ${JSON.stringify(text.slice(0, end))}`)
    this.received += size
    if (size === 0) this.next = "trailer"
    else this.left = size + 2
  }
}
