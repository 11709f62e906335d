/** Requests as a caller could ask for them: ordinary ones, and what would smuggle if it were written. */
import * as http from "node:http"
import { RequestEncoder } from "@hotaru/http1"
import * as FastCheck from "effect/FastCheck"

/** A request, and its body in the pieces that a stream would give. */
export interface Asked {
  readonly head: RequestEncoder.RequestHead
  readonly pieces: ReadonlyArray<string>
}

const texts = (characters: string, maxLength: number): FastCheck.Arbitrary<string> =>
  FastCheck.array(FastCheck.constantFrom(...characters), { minLength: 1, maxLength }).map((found) => found.join(""))

/** What may not be there, now and then, somewhere in the text. */
const spoilt = (text: FastCheck.Arbitrary<string>): FastCheck.Arbitrary<string> =>
  FastCheck.oneof(
    { weight: 30, arbitrary: text },
    {
      weight: 1,
      arbitrary: FastCheck.tuple(
        text,
        FastCheck.constantFrom(
          "\r\n",
          "\n",
          "\r",
          "\0",
          " ",
          "\r\nX: y\r\n\r\n",
          "\u010d\u010a",
          "\u2028",
          ":",
          "\x7f",
          "\xe9"
        ),
        FastCheck.nat(20)
      ).map(([text, bad, at]) => text.slice(0, at) + bad + text.slice(at))
    }
  )

/** A server reads CONNECT as the end of HTTP, and takes no method that it does not know. */
const method = spoilt(FastCheck.constantFrom("GET", "POST", ...http.METHODS.filter((name) => name !== "CONNECT")))

/** A target that does not start like one is the caller's mistake, and no other request than they asked for. */
const target = FastCheck.tuple(
  FastCheck.constantFrom("/", "/", "/", "/", "/", "/", "http://example.com/"),
  spoilt(texts("abcXYZ019-._~!$&'()*+,;=:@%/?#[]|\"<>^`{}\\", 20))
).map(([start, rest]) => start + rest)

const name = spoilt(
  FastCheck.oneof(
    { weight: 6, arbitrary: texts("abcXYZ019-_.!#$%&'*+^`|~", 12) },
    {
      weight: 2,
      arbitrary: FastCheck.constantFrom("Accept", "cookie", "Authorization", "content-type", "X-Content-Length", "Date")
    },
    {
      weight: 1,
      arbitrary: FastCheck.constantFrom(
        "host",
        "Host",
        "content-length",
        "Content-Length",
        "Transfer-Encoding",
        "connection",
        "TE",
        "expect",
        "upgrade",
        "keep-alive"
      )
    }
  )
)

const value = spoilt(
  FastCheck.oneof(
    { weight: 4, arbitrary: texts('abc XYZ,;=:"()\t\x80\xe9\xff', 16) },
    {
      weight: 1,
      arbitrary: FastCheck.constantFrom(
        "",
        "close",
        "keep-alive",
        "trailers",
        "5",
        "0",
        "chunked",
        "100-continue",
        "example.com",
        " "
      )
    }
  )
)

const piece = FastCheck.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) =>
  Buffer.from(bytes).toString("latin1")
)

const body: FastCheck.Arbitrary<Pick<Asked, "pieces"> & Pick<RequestEncoder.RequestHead, "framing">> = FastCheck.oneof(
  { weight: 2, arbitrary: FastCheck.constant({ framing: RequestEncoder.none, pieces: [] }) },
  {
    weight: 2,
    arbitrary: FastCheck.array(piece, { maxLength: 3 }).map((pieces) => ({
      framing: RequestEncoder.length(pieces.join("").length),
      pieces
    }))
  },
  {
    weight: 2,
    arbitrary: FastCheck.array(piece, { maxLength: 4 }).map((pieces) => ({ framing: RequestEncoder.chunked, pieces }))
  }
)

export const requests: FastCheck.Arbitrary<Asked> = FastCheck.record({
  method,
  target,
  host: spoilt(FastCheck.constantFrom("example.com", "localhost:8080", "[::1]:80", "a_b.test.")),
  headers: FastCheck.dictionary(name, value, { maxKeys: 5 }),
  body,
  close: FastCheck.boolean()
}).map(({ body: { framing, pieces }, ...head }) => ({ head: { ...head, framing }, pieces }))
