import { dirname } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bundle } from "../src/flame/bundle.js"
import { layout } from "../src/flame/layout.js"
import { locating, type Source } from "../src/flame/locate.js"
import { profile } from "../src/flame/profiling.js"
import { sources } from "../src/flame/sources.js"
import * as Sums from "../src/flame/sums.js"
import { svg } from "../src/flame/svg.js"
import { byOwner, type Frame, type Profile, top, total, tree } from "../src/flame/tree.js"

/** By URL, what stands where a function begins. */
const written: Readonly<Record<string, Source>> = {
  "file:///send": { path: "packages/client/src/send.ts", line: 10, text: "  send(lease: Lease): void {" },
  "file:///members": { path: "packages/client/src/send.ts", line: 3, text: "  private head = new Head()" },
  "file:///encode": { path: "packages/http1/src/encode.ts", line: 7, text: "const encode = (head: Head) => {" },
  "file:///utf8": { path: "packages/http1/src/utf8.ts", line: 1, text: "export const utf8 = (text: string) => {" },
  "file:///request": { path: "packages/pool/src/pool.ts", line: 1, text: "  request(key: Key) {" },
  "file:///write": { path: "packages/node/src/write.ts", line: 1, text: "  write(head: string) {" },
  "file:///loop": { path: "packages/bench/src/contestants.ts", line: 1, text: "while: () => left-- > 0," },
  "file:///step": { path: "effect/dist/esm/run.js", line: 5, text: "  [OpCodes.OP_SYNC](op) {" },
  "file:///context": { path: "effect/dist/esm/run.js", line: 9, text: "    cur = context(() => {" },
  "file:///platform": { path: "@effect/platform/dist/esm/client.js", line: 2, text: "const get = () => {" },
  "file:///other": { path: "undici/index.js", line: 2, text: "function other() {" },
  "node:net": { path: "node:net", line: 1, text: "" }
}

const node = (
  id: number,
  functionName: string,
  url: string,
  hitCount: number,
  children: ReadonlyArray<number> = []
) => ({
  id,
  callFrame: { functionName, url, lineNumber: 0, columnNumber: 0 },
  hitCount,
  children
})

/** 1,000 samples in which something was done, and 500 in which nothing was. */
const sample: Profile = {
  nodes: [
    node(1, "(root)", "", 0, [2, 3, 4, 5, 17]),
    node(2, "loop", "file:///loop", 40, [6, 7, 8, 9]),
    node(3, "(garbage collector)", "", 100),
    node(4, "(program)", "", 59),
    node(5, "(idle)", "", 500),
    // The same function twice under one caller, as when it was optimised in between.
    node(6, "send", "file:///send", 100, [10, 11, 12]),
    node(7, "send", "file:///send", 50, [13]),
    node(8, "", "file:///step", 150, [14]),
    node(9, "encode2", "file:///encode", 50, [15]),
    node(10, "writeLatin1String", "", 200),
    node(11, "<instance_members_initializer>", "file:///members", 40),
    node(12, "request", "file:///request", 30, [16]),
    node(13, "writeLatin1String", "", 100),
    node(14, "", "file:///context", 20),
    node(15, "utf8", "file:///utf8", 10),
    node(16, 'a "quoted" & <odd>\u0001name', "node:net", 20),
    node(17, "write", "file:///write", 1, [18, 19]),
    node(18, "get", "file:///platform", 20),
    node(19, "other", "file:///other", 10)
  ]
}

const all = tree(
  sample,
  locating(({ url }) => written[url]!),
  20
)

const child = (frame: Frame, ...names: ReadonlyArray<string>): Frame =>
  names.reduce((parent, name) => {
    const found = parent.children.filter((one) => one.name === name)
    assert.lengthOf(found, 1, name)
    return found[0]!
  }, frame)

const close = (actual: number, expected: number) => assert.closeTo(actual, expected, 1e-9)

describe("a profile", () => {
  it("is shared out by samples: all of them together are what a request costs", () => {
    close(total(all), 20)
    close(child(all, "(program)").self, 1.18)
  })

  it("has nothing of the time in which nothing was done", () => {
    assert.notInclude(
      all.children.map(({ name }) => name),
      "(idle)"
    )
  })

  it("has one frame for calls of one function by one stack, and below it what any of them called", () => {
    const send = child(all, "loop", "send")
    close(send.self, 3)
    close(child(send, "writeLatin1String").self, 6)
    assert.lengthOf(send.children, 3)
  })

  it("tells whose each frame is", () => {
    assert.deepStrictEqual(
      byOwner(all).map(({ owner, self }) => [owner, Math.round(self * 100) / 100]),
      [
        ["client", 3.8],
        ["http1", 1.2],
        ["pool", 0.6],
        ["node", 0.02],
        ["effect", 3.4],
        ["platform", 0.4],
        ["runtime", 0.4],
        ["native", 7.18],
        ["gc", 2],
        ["measurement", 0.8],
        ["other", 0.2]
      ]
    )
  })

  it("calls functions as the source does: by their name, by what computes it, or by their place", () => {
    const names = child(all, "loop").children.map(({ name }) => name)
    assert.sameMembers(names, ["send", "[OP_SYNC]", "encode"])
    child(all, "loop", "encode", "utf8")
    const context = child(all, "loop", "[OP_SYNC]", "run.js:9")
    assert.strictEqual(context.place, "effect/dist/esm/run.js:9")
  })

  it("tells in which functions most time is spent, wherever they were called", () => {
    const [first, second, third] = top(all, 3)
    assert.deepStrictEqual([first!.name, second!.name], ["writeLatin1String", "send"])
    close(first!.self, 6)
    assert.strictEqual(third!.name, "[OP_SYNC]")
    const lines = Sums.text(all, 2).split("\n")
    assert.match(lines[0]!, /µs per request +share/)
    assert.match(lines[1]!, /^@hotaru\/client +3\.80 +19\.0 %$/)
    assert.match(Sums.text(all, 2), /\nall +20\.00 +100\.0 %\n/)
    assert.match(lines.at(-1)!, /^send +3\.00 +15\.0 % +@hotaru\/client +packages\/client\/src\/send\.ts:10$/)
    assert.include(Sums.markdown(all), "| @hotaru/client | 3.80 | 19.0 % |")
  })
})

describe("the picture", () => {
  const drawn = svg({ title: "A <small> GET", notes: ["a note"], all })

  it("each frame is as wide as its share, within the frame that called it", () => {
    const boxes = layout(all, 1000, 1)
    const at = (name: string, depth: number) => boxes.find((box) => box.frame.name === name && box.depth === depth)!
    const whole = at("all", 0)
    assert.deepStrictEqual([whole.x, whole.width], [0, 1000])
    const first = boxes.filter(({ depth }) => depth === 1)
    close(
      first.reduce((sum, { width }) => sum + width, 0),
      1000
    )
    // The heaviest to the left.
    assert.strictEqual(first[0]!.frame.name, "loop")
    close(first[0]!.x, 0)
    const send = at("send", 2)
    close(send.width, 540)
    close(send.total, 10.8)
    const called = boxes.filter(({ depth, x }) => depth === 3 && x >= send.x && x < send.x + send.width)
    close(
      called.reduce((sum, { width }) => sum + width, 0),
      540 - 150
    )
    for (const { width, x } of called) assert.isAtMost(x + width, send.x + send.width)
  })

  it("leaves out what is too narrow to be seen, with all that it called", () => {
    const names = layout(all, 1000, 32).map(({ frame }) => frame.name)
    assert.include(names, "loop")
    // 31 of 1,000, and within it 20.
    assert.notInclude(names, "write")
    assert.notInclude(names, "get")
  })

  it("says names that are markup as text", () => {
    assert.include(drawn, "<title>A &lt;small&gt; GET</title>")
    assert.include(drawn, "&lt;instance_members_initializer&gt;")
    assert.include(drawn, "a &quot;quoted&quot; &amp; &lt;odd&gt; name")
    // What is left when all text is taken away are tags, each of them one that is meant.
    const tags = [...drawn.matchAll(/<\/?([^\s/>]*)/g)].map(([, tag]) => tag)
    assert.sameMembers([...new Set(tags)], ["svg", "title", "desc", "style", "rect", "text", "g"])
    for (const line of drawn.split("\n")) assert.notMatch(line, /\p{Cc}/u)
    assert.notMatch(drawn, /&(?!(?:amp|lt|gt|quot|#10);)/)
  })

  it("tells of a frame its place, its time and its share when it is pointed at", () => {
    assert.include(
      drawn,
      "<title>send&#10;@hotaru/client, packages/client/src/send.ts:10&#10;10.80 µs (54.0 %), 3.00 µs in itself</title>"
    )
  })

  it("needs nothing from elsewhere, and knows dark from light", () => {
    assert.notMatch(drawn.replace('xmlns="http://www.w3.org/2000/svg"', ""), /https?:|url\(|@import|<script|<image/)
    assert.include(drawn, "@media (prefers-color-scheme: dark)")
  })

  it("has a legend with the sum of each owner that has any", () => {
    for (const words of ["@hotaru/http1", "1.20 µs", "6.0 %", "garbage collection", "10.0 %"]) {
      assert.include(drawn, `>${words}</text>`)
    }
  })

  it("no label is wider than its frame", () => {
    const labels = [
      ...drawn.matchAll(/<rect class="[^"]+" x="[\d.]+" y="\d+" width="([\d.]+)" height="17"\/><text[^>]*>([^<]*)</g)
    ]
    assert.isAbove(labels.length, 5)
    for (const [, width, label] of labels) {
      const text = label!.replace(/&[a-z]+;/g, "x")
      assert.isAtMost(text.length * 6.6 + 3, Number(width), label)
    }
  })
})

describe("a process of its own", () => {
  it.live("is profiled, and every package is told apart from the others in its bundle", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const path = yield* bundle
        const asked = { requests: 5_000, warmUp: 1_000, together: 50, traced: false, interval: 200 }
        const told = yield* profile(path, asked)
        assert.isAbove(told.cpu, 0)
        const taken = tree(told.profile, locating(sources(dirname(path))), told.cpu / asked.requests)
        close(total(taken), told.cpu / asked.requests)
        const owners = byOwner(taken).map(({ owner }) => owner)
        for (const owner of ["client", "http1", "pool", "node", "effect", "runtime", "native"] as const) {
          assert.include(owners, owner)
        }
        const places = top(taken, Number.POSITIVE_INFINITY).map(({ place = "" }) => place)
        assert.includeMembers(
          places.map((place) => place.replace(/:\d+$/, "")),
          ["packages/http1/src/internal/decoder.ts", "packages/pool/src/internal/interpreter.ts"]
        )
      })
    )
  )
})
