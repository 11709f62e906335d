/** Answers that a server could send: mostly right by the grammar of RFC 9112, with framing fields that may be wrong. */
import * as FastCheck from "effect/FastCheck"
import * as Vocabulary from "./Vocabulary.js"

type Text = FastCheck.Arbitrary<string>

/** One time in so many; else nothing. */
const now = <A>(one: FastCheck.Arbitrary<A>, inSoMany: number): FastCheck.Arbitrary<A | undefined> =>
  FastCheck.oneof({ weight: inSoMany - 1, arbitrary: FastCheck.constant(undefined) }, { weight: 1, arbitrary: one })

const among = (words: ReadonlyArray<string>): Text => FastCheck.constantFrom(...words)

const latin1 = (maxLength: number): Text =>
  FastCheck.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString("latin1"))

/** Bytes that are easy to tell apart, and bytes that look like framing. */
const content: Text = FastCheck.oneof(
  {
    weight: 4,
    arbitrary: FastCheck.constantFrom("", "a", "hello", "hello world", "\r\n", "0\r\n\r\n", "x".repeat(70))
  },
  { weight: 1, arbitrary: latin1(40) }
)

const token: Text = FastCheck.array(FastCheck.constantFrom(..."!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"), {
  minLength: 1,
  maxLength: 12
}).map((characters) => characters.join(""))

const value: Text = FastCheck.array(
  FastCheck.integer({ min: 0, max: 255 }).map((code) =>
    code === 9 || (code > 0x1f && code !== 0x7f) ? String.fromCharCode(code) : " "
  ),
  { maxLength: 16 }
).map((characters) => characters.join(""))

const field: Text = FastCheck.oneof(
  { weight: 12, arbitrary: among(Vocabulary.plainFields) },
  { weight: 3, arbitrary: among(Vocabulary.connectionFields) },
  { weight: 2, arbitrary: FastCheck.tuple(token, value).map(([name, text]) => `${name}:${text}`) },
  { weight: 1, arbitrary: FastCheck.integer({ min: 1, max: 130 }).map((length) => `X-Long: ${"l".repeat(length)}`) }
)

/** Now and then one that is wrong, or frames another way than the body is sent. */
const oddField: Text = FastCheck.oneof(
  { weight: 3, arbitrary: among(Vocabulary.framingFields) },
  { weight: 1, arbitrary: among(Vocabulary.brokenFields) }
)

const fields = FastCheck.tuple(
  FastCheck.array(field, { maxLength: 5 }),
  now(FastCheck.tuple(oddField, FastCheck.nat(5)), 5)
).map(([lines, odd]) => (odd === undefined ? lines : [...lines.slice(0, odd[1]), odd[0], ...lines.slice(odd[1])]))

const version: Text = FastCheck.oneof(
  { weight: 9, arbitrary: FastCheck.constant("HTTP/1.1") },
  { weight: 1, arbitrary: FastCheck.constant("HTTP/1.0") }
)

const statusLine: Text = FastCheck.oneof(
  {
    weight: 15,
    arbitrary: FastCheck.tuple(version, FastCheck.constantFrom(...Vocabulary.statuses), among(Vocabulary.reasons)).map(
      ([version, status, reason]) => `${version} ${status} ${reason}`
    )
  },
  { weight: 1, arbitrary: among(Vocabulary.statusLines) }
)

const head = (first: string, lines: ReadonlyArray<string>): string => `${[first, ...lines].join("\r\n")}\r\n\r\n`

const interim: Text = FastCheck.tuple(
  FastCheck.constantFrom(...Vocabulary.interimStatuses),
  FastCheck.oneof(
    { weight: 6, arbitrary: FastCheck.array(among(Vocabulary.plainFields), { maxLength: 2 }) },
    { weight: 1, arbitrary: FastCheck.array(FastCheck.oneof(field, oddField), { minLength: 1, maxLength: 2 }) }
  )
).map(([status, lines]) => head(`HTTP/1.1 ${status} Interim`, lines))

/** A body as it is sent, with the field that says so. */
type Framed = readonly [field: string | undefined, sent: string]

const extension: Text = FastCheck.oneof(
  { weight: 4, arbitrary: FastCheck.constant("") },
  { weight: 1, arbitrary: FastCheck.constantFrom(";a", ";a=b", ';a="b c"', ";name=value;other", ';q="\\\\"') }
)

const chunk: Text = FastCheck.tuple(content, extension, now(among(Vocabulary.chunkLines), 20)).map(
  ([data, extension, line]) =>
    line !== undefined
      ? `${line}\r\nhello\r\n`
      : data === ""
        ? ""
        : `${data.length.toString(16)}${extension}\r\n${data}\r\n`
)

const trailers: Text = FastCheck.oneof(
  { weight: 3, arbitrary: FastCheck.constant("") },
  {
    weight: 1,
    arbitrary: FastCheck.array(FastCheck.oneof({ weight: 5, arbitrary: field }, { weight: 1, arbitrary: oddField }), {
      minLength: 1,
      maxLength: 3
    }).map((lines) => `${lines.join("\r\n")}\r\n`)
  }
)

const chunked: FastCheck.Arbitrary<Framed> = FastCheck.tuple(
  FastCheck.array(chunk, { maxLength: 4 }),
  extension,
  trailers
).map(([chunks, extension, trailers]) => [
  "Transfer-Encoding: chunked",
  `${chunks.join("")}0${extension}\r\n${trailers}\r\n`
])

const body: FastCheck.Arbitrary<Framed> = FastCheck.oneof(
  { weight: 4, arbitrary: content.map((data): Framed => [`Content-Length: ${data.length}`, data]) },
  { weight: 4, arbitrary: chunked },
  { weight: 1, arbitrary: content.map((data): Framed => [undefined, data]) },
  { weight: 1, arbitrary: FastCheck.constant<Framed>(["Content-Length: 5", ""]) }
)

const answer: Text = FastCheck.tuple(statusLine, fields, body, FastCheck.nat(5)).map(
  ([first, lines, [framing, sent], at]) =>
    head(first, framing === undefined ? lines : [...lines.slice(0, at), framing, ...lines.slice(at)]) + sent
)

/** Interim answers, the answer, and now and then something behind it. */
export const stream: Text = FastCheck.tuple(
  FastCheck.oneof(
    { weight: 6, arbitrary: FastCheck.constant<ReadonlyArray<string>>([]) },
    { weight: 1, arbitrary: FastCheck.array(interim, { minLength: 1, maxLength: 4 }) }
  ),
  answer,
  now(among(Vocabulary.leftovers), 8)
).map(([before, answer, behind]) => `${before.join("")}${answer}${behind ?? ""}`)
