/** How a server treats a connection and an answer, drawn for each. */
import type { Draw } from "./Draw.js"
import type { Plan } from "./Plan.js"

/** How an answer goes wrong. `Lying` ones send bytes that are no part of an answer. */
export type Fault =
  | "none"
  | "hang"
  | "finBeforeHead"
  | "resetBeforeHead"
  | "resetLosing"
  | "finInHead"
  | "resetInHead"
  | "finInBody"
  | "resetInBody"
  | "tooLong"
  | "tooShort"
  | "garbage"
  | "stray"
  | "badHead"
  | "resetAfter"

export interface Answer {
  readonly fault: Fault
  readonly status: number
  readonly length: number
  readonly framing: "length" | "chunked" | "close"
  /** Into how many pieces it is cut; each comes `gap` milliseconds after the one before, in the same turn if that is 0. */
  readonly pieces: number
  readonly gap: number
  /** Before the head: milliseconds of silence, interim answers. */
  readonly delay: number
  readonly interim: ReadonlyArray<number>
  readonly keepAlive: string | undefined
  readonly saysClose: boolean
  /** Seen at once, not at the next poll. */
  readonly atOnce: boolean
  /** Ends its side after the answer, without having said so. */
  readonly halfCloses: boolean
  /** With a request that has a body. */
  readonly upload: "read" | "refuse" | "answerEarly" | "stopReading" | "loseWrites" | "readSlowly"
  readonly expect: "continue" | "silence" | "refuse417" | "answer"
  /** Had just ended the connection when the request came, if it is not the first on it. */
  readonly stale: "fin" | "reset" | undefined
  /** Answers 408 and closes when it is not the first on its connection. */
  readonly gaveUp: boolean
  /** A stream that does not end: so long between its pieces. Undefined: the answer ends. */
  readonly streams: number | undefined
}

const faults: ReadonlyArray<readonly [number, Fault]> = [
  [8, "hang"],
  [3, "finBeforeHead"],
  [3, "resetBeforeHead"],
  [1, "resetLosing"],
  [2, "finInHead"],
  [2, "resetInHead"],
  [3, "finInBody"],
  [3, "resetInBody"],
  [2, "tooLong"],
  [3, "tooShort"],
  [4, "garbage"],
  [4, "stray"],
  [3, "badHead"],
  [2, "resetAfter"]
]

export const answer = (draw: Draw, plan: Plan): Answer => {
  const goesWrong = draw.chance(plan.trouble)
  return {
    fault: goesWrong ? draw.weighted(faults) : "none",
    status: draw.weighted([
      [12, 200],
      [1, 201],
      [1, 204],
      [1, 304],
      [1, 404],
      [1, 500]
    ]),
    length: draw.weighted([
      [2, 0],
      [6, draw.int(1, 60)],
      [3, draw.int(60, 3000)],
      [0.2, draw.int(60_000, 80_000)]
    ]),
    framing: draw.weighted([
      [12, "length" as const],
      [8, "chunked" as const],
      [1, "close" as const]
    ]),
    pieces: draw.weighted([
      [6, 1],
      [3, 2],
      [2, draw.int(3, 20)]
    ]),
    gap: draw.weighted([
      [3, 0],
      [2, draw.int(1, 30)],
      [1, draw.int(30, 300)]
    ]),
    delay: draw.weighted([
      [5, 0],
      [3, draw.int(1, 40)],
      [1, draw.int(40, 900)]
    ]),
    interim: draw.weighted<ReadonlyArray<number>>([
      [12, []],
      [1, [103]],
      [1, [102, 103]],
      [1, [100]]
    ]),
    keepAlive: draw.weighted([
      [40, undefined],
      [3, "timeout=2"],
      [1, "timeout=60, max=1000"],
      [1, "timeout=1, max=2"],
      [1, "max=1"],
      [1, "timeout=0"]
    ]),
    saysClose: draw.chance(0.03),
    atOnce: draw.chance(0.3),
    halfCloses: draw.chance(0.03),
    upload: goesWrong
      ? draw.pick(["refuse", "answerEarly", "stopReading", "loseWrites", "readSlowly"])
      : draw.chance(0.1)
        ? "readSlowly"
        : "read",
    expect: draw.weighted([
      [5, "continue" as const],
      [1, "silence" as const],
      [plan.gentle ? 0 : 1, "refuse417" as const],
      [1, "answer" as const]
    ]),
    stale: draw.chance(0.05) ? draw.pick(["fin", "reset"]) : undefined,
    gaveUp: goesWrong && draw.chance(0.2),
    streams: draw.chance(plan.streams) ? draw.pick([50, 200, 350]) : undefined
  }
}

/** What becomes of a connection while it is idle. */
export interface Idling {
  /** Milliseconds after which the server ends it. */
  readonly endsAfter: number
  readonly how: "fin" | "reset" | "garbage"
}

export const idling = (draw: Draw, plan: Plan): Idling => ({
  endsAfter: draw.weighted([
    [3, Infinity],
    [1, draw.int(1, 200)],
    [2, draw.int(200, 3000)],
    [1, draw.int(3000, 20_000)]
  ]),
  how: plan.gentle ? "fin" : draw.pick(["fin", "fin", "reset", "garbage"])
})

/** What becomes of a dial. */
export interface Dialled {
  readonly end: "open" | "refused" | "hang" | "openAndClose" | "local"
  readonly after: number
}

export const dialled = (draw: Draw, plan: Plan): Dialled => ({
  end: draw.chance(plan.trouble) ? draw.pick(["refused", "refused", "hang", "openAndClose", "local"]) : "open",
  after: draw.weighted([
    [plan.theme === "tight" ? 1 : 4, 0],
    [3, draw.int(1, 30)],
    [1, plan.gentle ? 30 : draw.int(30, 1200)]
  ])
})
