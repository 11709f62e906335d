/** What a request of the soak is, drawn from the seed and its id. */
import { Draw } from "../Draw.js"

/** How the content of a request is given; `none`: a request without. */
export type Upload = "none" | "bytes" | "stream" | "stream of known length"

/** How the server shows where its answer ends. */
export type Framing = "length" | "chunked" | "close"

/** How the answer is read. */
export type Reading = "at once" | "stream" | "each" | "pull"

/**
 * What the caller does: reads to the end, is interrupted after `millis`, does not read at all, stops after the first
 * piece, or closes the scope of the request when the head is there.
 */
export type Fate = "whole" | "interrupted" | "unread" | "first piece" | "scope closed"

export interface Operation {
  readonly id: number
  readonly secure: boolean
  readonly method: "GET" | "HEAD" | "POST" | "PUT"
  /** Carries an idempotency key. */
  readonly keyed: boolean
  readonly upload: Upload
  /** Bytes of the request's content. */
  readonly sent: number
  /** Bytes of the answer's content. */
  readonly asked: number
  readonly framing: Framing
  /** The server pauses in the middle of its answer. Milliseconds. */
  readonly pause: number
  readonly reading: Reading
  readonly fate: Fate
  readonly millis: number
}

const size = (draw: Draw): number => {
  const kind = draw.weighted({ empty: 4, small: 76, medium: 17, big: 3 })
  if (kind === "empty") return 0
  if (kind === "small") return draw.spread(1, 400)
  return kind === "medium" ? draw.spread(400, 64 * 1024) : draw.spread(64 * 1024, 1024 * 1024)
}

export const operation = (seed: number, id: number): Operation => {
  const draw = new Draw(seed, id)
  const method = draw.weighted({ GET: 62, HEAD: 3, POST: 25, PUT: 10 })
  const hasContent = method === "POST" || method === "PUT"
  const upload = hasContent ? draw.weighted({ bytes: 80, stream: 12, "stream of known length": 8 }) : "none"
  return {
    id,
    secure: draw.chance(0.3),
    method,
    keyed: hasContent && draw.chance(0.2),
    upload,
    sent: hasContent ? size(draw) : 0,
    asked: size(draw),
    framing: draw.weighted({ length: 70, chunked: 26, close: 4 }),
    pause: draw.chance(0.03) ? draw.spread(1, 30) : 0,
    reading: draw.weighted({ "at once": 80, stream: 8, each: 8, pull: 4 }),
    fate: draw.weighted({ whole: 88, interrupted: 5, unread: 2, "first piece": 3, "scope closed": 2 }),
    millis: draw.spread(1, 40) - 1
  }
}

/** Whether it must not be carried out twice. */
export const isOnce = ({ keyed, method }: Operation): boolean => (method === "POST" || method === "PUT") && !keyed
