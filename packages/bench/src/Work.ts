/** What peers are asked to do: the same of each, with the answer checked. */
import type * as Schema from "effect/Schema"
import { byteAt } from "./answers.js"

/** A GET, and its body as text. */
export interface Text {
  readonly _tag: "Text"
  readonly path: string
  readonly expected: string
  /** A field that the answer has. */
  readonly header?: readonly [name: string, value: string]
}

/** A GET, and its body as one piece of memory. */
export interface Collected {
  readonly _tag: "Collected"
  readonly path: string
  readonly bytes: number
}

/** A GET, and its body piece by piece. */
export interface Streamed {
  readonly _tag: "Streamed"
  readonly path: string
  readonly bytes: number
}

/** A POST of a value as JSON, and the answer decoded: by the schema where there is Effect, by `JSON.parse` elsewhere. */
export interface Json {
  readonly _tag: "Json"
  readonly path: string
  readonly body: unknown
  readonly schema: Schema.Schema<unknown, unknown>
  /** Whether it is the right answer. */
  readonly isRight: (answer: unknown) => boolean
}

/** A PUT of a stream of pieces whose length is not announced: chunked. */
export interface Upload {
  readonly _tag: "Upload"
  readonly path: string
  readonly chunk: Uint8Array
  readonly chunks: number
  readonly expected: string
}

export type Work = Text | Collected | Streamed | Json | Upload

export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer"
  constructor(path: string, what: string) {
    super(`a wrong answer to ${path}: ${what}`)
  }
}

export const checkStatus = ({ path }: Work, status: number | undefined): void => {
  if (status !== 200) throw new WrongAnswer(path, `status ${status}`)
}

export const checkText = ({ expected, path }: Text | Upload, text: string): void => {
  if (text !== expected) throw new WrongAnswer(path, JSON.stringify(text.slice(0, 100)))
}

export const checkHeader = ({ header, path }: Text, value: unknown): void => {
  if (header !== undefined && value !== header[1]) throw new WrongAnswer(path, `${header[0]}: ${value}`)
}

export const checkJson = ({ isRight, path }: Json, answer: unknown): void => {
  if (!isRight(answer)) throw new WrongAnswer(path, JSON.stringify(answer)?.slice(0, 100))
}

export const checkBytes = (work: Collected, bytes: ArrayBuffer | Uint8Array): void => {
  const count = new Count(work)
  count.add(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes))
  count.end()
}

/** The pieces of one body: how long they are, and what each begins and ends with. */
export class Count {
  private seen = 0
  constructor(private readonly work: Collected | Streamed) {}

  readonly add = (piece: Uint8Array): void => {
    const { length } = piece
    if (length === 0) return
    if (piece[0] !== byteAt(this.seen) || piece[length - 1] !== byteAt(this.seen + length - 1)) {
      throw new WrongAnswer(this.work.path, `other bytes than were sent, after ${this.seen}`)
    }
    this.seen += length
  }

  end(): void {
    if (this.seen !== this.work.bytes) throw new WrongAnswer(this.work.path, `${this.seen} of ${this.work.bytes} bytes`)
  }
}

/** The pieces of an upload, one at a time. */
export function* pieces({ chunk, chunks }: Upload): Generator<Uint8Array> {
  for (let i = 0; i < chunks; i++) yield chunk
}
