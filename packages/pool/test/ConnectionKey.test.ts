import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, PoolError } from "@hotaru/pool"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Hash from "effect/Hash"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"

const make = (host: string, port = 80, useTls = false) => ConnectionKey.make({ host, port, useTls })

const refusal = (f: () => unknown): PoolError.InvalidUrl => {
  try {
    f()
  } catch (error) {
    assert.instanceOf(error, PoolError.InvalidUrl)
    return error as PoolError.InvalidUrl
  }
  throw new Error("it was accepted")
}

const urlRefusal = (url: string): PoolError.InvalidUrl => Option.getOrThrow(Either.getLeft(ConnectionKey.fromUrl(url)))
const urlKey = (url: string | URL) => Either.getOrThrow(ConnectionKey.fromUrl(url))

describe("ConnectionKey, equality", () => {
  it("keys of the same parts are one key of a map", () => {
    const map = HashMap.make([make("a.test"), 1])
    assert.strictEqual(Option.getOrUndefined(HashMap.get(map, make("a.test"))), 1)
    assert.strictEqual(Option.getOrUndefined(HashMap.get(map, make("A.TEST"))), 1)
    assert.isFalse(HashMap.has(map, make("a.test", 81)))
  })

  it("each part tells keys apart", () => {
    const label = { label: "partner" }
    const keys = [
      make("a.test"),
      make("b.test"),
      make("a.test", 81),
      make("a.test", 80, true),
      ConnectionKey.make({ host: "a.test", port: 80, useTls: false, socketPath: "/run/a.sock" }),
      ConnectionKey.make({ host: "a.test", port: 80, useTls: false, localAddress: "192.0.2.1" }),
      ConnectionKey.make({ host: "a.test", port: 80, useTls: false, tls: label }),
      ConnectionKey.make({ host: "a.test", port: 80, useTls: false, proxy: label })
    ]
    for (const [i, left] of keys.entries()) {
      for (const [j, right] of keys.entries())
        assert.strictEqual(Equal.equals(left, right), i === j, `${left} and ${right}`)
    }
  })

  it("two TLS identities are the same only if they are the same object", () => {
    const one = { label: "partner" }
    const key = (tls: ConnectionKey.TlsIdentity) => ConnectionKey.make({ host: "a.test", port: 443, useTls: true, tls })
    assert.isTrue(Equal.equals(key(one), key(one)))
    assert.isFalse(Equal.equals(key(one), key({ label: "partner" })))
  })

  it("equal keys hash alike, whatever the parts", () => {
    const part = FastCheck.record({
      host: FastCheck.constantFrom("a.test", "b.test", "127.0.0.1", "::1"),
      port: FastCheck.integer({ min: 1, max: 4 }),
      useTls: FastCheck.boolean(),
      socketPath: FastCheck.constantFrom(undefined, "/run/a.sock"),
      localAddress: FastCheck.constantFrom(undefined, "192.0.2.1")
    })
    FastCheck.assert(
      FastCheck.property(part, part, (left, right) => {
        const [one, two] = [ConnectionKey.make(left), ConnectionKey.make(right)]
        const same = JSON.stringify(left) === JSON.stringify(right)
        assert.strictEqual(Equal.equals(one, two), same)
        if (same) assert.strictEqual(Hash.hash(one), Hash.hash(two))
        assert.strictEqual(Hash.hash(one), Hash.hash(one))
      })
    )
  })
})

describe("ConnectionKey, hosts as the WHATWG host parser writes them", () => {
  const written: ReadonlyArray<readonly [string, string]> = [
    ["Example.COM", "example.com"],
    ["BÜCHER.de", "xn--bcher-kva.de"],
    ["0x7f.1", "127.0.0.1"],
    ["2130706433", "127.0.0.1"],
    ["127.1", "127.0.0.1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["[::1]", "::1"],
    ["2001:DB8::0:1", "2001:db8::1"],
    ["::ffff:127.0.0.1", "::ffff:7f00:1"],
    ["api.example.com.", "api.example.com."]
  ]
  for (const [given, host] of written) {
    it(`${given} is ${host}, by parts and by URL`, () => {
      assert.strictEqual(make(given).host, host)
      const inUrl = given.includes(":") && !given.startsWith("[") ? `[${given}]` : given
      assert.isTrue(Equal.equals(urlKey(`http://${inUrl}/path?query`), make(given)))
    })
  }

  it("a trailing dot makes another host", () => {
    assert.isFalse(Equal.equals(make("api."), make("api")))
  })

  const refused = [
    "",
    " ",
    "a b",
    "a/b",
    "a?b",
    "a#b",
    "a\\b",
    "a\tb",
    "a:80",
    "[::1",
    "::1]",
    "[a.test]",
    "[127.0.0.1]",
    "[]",
    "1.2.3.4.5",
    "256.256.256.256",
    "0x100000000",
    "a%00b",
    "a%2fb",
    "xn--é",
    ":::1",
    "::1::"
  ]
  for (const host of refused) {
    it(`${JSON.stringify(host)} is refused`, () => {
      assert.match(refusal(() => make(host)).message, /it is not a host name or an IP address/)
    })
  }

  for (const host of ["fe80::1%eth0", "[fe80::1%25eth0]", "fe80::1%1"]) {
    it(`a zone id is refused: ${host}`, () => {
      assert.match(refusal(() => make(host)).message, /zone ids are not accepted/)
    })
  }

  it("a zone id in a URL is refused", () => {
    assert.strictEqual(urlRefusal("http://[fe80::1%25eth0]/")._tag, "InvalidUrl")
  })
})

describe("ConnectionKey, ports", () => {
  for (const port of [0, -1, 65536, 1.5, NaN, Infinity]) {
    it(`${port} is refused, with its number`, () => {
      assert.include(
        refusal(() => make("a.test", port)).message,
        `the port must be a whole number from 1 to 65535, not ${port}`
      )
    })
  }

  it("1 and 65535 are ports", () => {
    assert.deepStrictEqual([make("a.test", 1).port, make("a.test", 65535).port], [1, 65535])
  })

  it("a URL without a port has its scheme's", () => {
    assert.deepStrictEqual(
      [urlKey("http://a.test").port, urlKey("https://a.test").port, urlKey("https://a.test:8443").port],
      [80, 443, 8443]
    )
    assert.deepStrictEqual([urlKey("http://a.test").useTls, urlKey("https://a.test").useTls], [false, true])
  })

  it("a port in a URL that is out of range, or no number, is named as the fault, and user info is not", () => {
    const cases: ReadonlyArray<readonly [url: string, problem: string]> = [
      ["http://a.test:99999/", 'its port, "99999", is out of range: ports are whole numbers from 1 to 65535'],
      ["https://[::1]:65536", 'its port, "65536", is out of range: ports are whole numbers from 1 to 65535'],
      ["http://a.test:-1/", 'its port, "-1", is no whole number from 1 to 65535'],
      ["http://a.test:abc?x", 'its port, "abc", is no whole number from 1 to 65535'],
      ["http://me:secret@a.test:99999/", 'its port, "99999", is out of range: ports are whole numbers from 1 to 65535']
    ]
    for (const [url, problem] of cases) assert.strictEqual(urlRefusal(url).problem, problem, url)
  })

  it("port 0 in a URL is refused", () => {
    assert.include(urlRefusal("http://a.test:0/").message, "port 0 cannot be dialled")
  })
})

describe("ConnectionKey, URLs that name nothing to dial", () => {
  const bad = ["", "a.test", "/path", "http://", "http://a b/", "http://[::1/", "//a.test/"]
  for (const url of bad) {
    it(`${JSON.stringify(url)} is no absolute URL`, () => {
      const error = urlRefusal(url)
      assert.deepStrictEqual([error._tag, error.problem], ["InvalidUrl", "it is not an absolute URL"])
    })
  }

  // The URL standard drops the first three wherever they stand, and the others at both ends.
  for (const url of [
    "http://a\r.test/",
    "http://a.test/\n",
    "ht\ttp://a.test/",
    "http://a.test/\0",
    "\u001fhttp://a.test/"
  ]) {
    it(`${JSON.stringify(url)} has a control character in it`, () => {
      const error = urlRefusal(url)
      assert.match(error.problem, /^it contains a control character, U\+00(0D|0A|09|00|1F)$/)
      assert.match(error.url, /^[\x20-\x7e]+$/)
    })
  }

  for (const url of ["ftp://a.test/", "ws://a.test/", "file:///etc/hosts", "data:,x", "javascript:1"]) {
    it(`${url} has a scheme that is not ours`, () => {
      assert.match(urlRefusal(url).problem, /^the scheme must be http or https, not [a-z]+$/)
    })
  }

  it("a URL object is as good as a string", () => {
    assert.isTrue(Equal.equals(urlKey(new URL("https://a.test/x")), make("a.test", 443, true)))
  })
})

describe("ConnectionKey, neither query nor fragment appears in a message", () => {
  for (const [url, shown] of [
    ["ftp://a.test/p?token=secret", "ftp://a.test/p?..."],
    ["http://a.test:99999/p?token=secret#secret", "http://a.test:99999/p?..."],
    ["http://a.test:0/#access_token=secret", "http://a.test:0/#..."],
    // What stands before the last @ may be a password: of an address without one, too much goes.
    ["http://a.test:0/?token=secret@b", "http://b"],
    ["/p?token=secret", "/p?..."],
    ["http://a.test/?\ntoken=secret", "http://a.test/?..."],
    ["ftp://a.test/?", "ftp://a.test/?"]
  ] as const) {
    it(JSON.stringify(url), () => {
      const error = urlRefusal(url)
      assert.strictEqual(error.url, shown)
      assert.notInclude(JSON.stringify([error.message, error]), "secret")
    })
  }
})

describe("ConnectionKey, user info appears in no message", () => {
  const withSecrets = [
    "ftp://user:secret@a.test/",
    " ftp://user:secret@a.test/",
    "http://user:secret@a.test:99999/",
    "http://user:sec/secret@a.test/",
    "http://user:secret@:80/",
    "http:/user:secret@a b/",
    "http:\\\\user:secret@a b/",
    "ht\ntp://user:secret@a.test:99999",
    "http://user:secret@a.test:0/",
    "http://user:p@secret@a.test:0/",
    "user:secret@a.test",
    "//user:secret@a.test/"
  ]
  for (const url of withSecrets) {
    it(JSON.stringify(url), () => {
      const error = urlRefusal(url)
      assert.notInclude(error.message, "secret")
      assert.notInclude(error.url, "user")
      assert.notInclude(JSON.stringify(error), "secret")
    })
  }

  it("nor in that of a host given by hand", () => {
    assert.notInclude(refusal(() => make("user:secret@a.test")).message, "secret")
    assert.notInclude(refusal(() => make("user:secret@a.test", 0)).message, "secret")
  })

  it("and no key keeps it", () => {
    const key = urlKey("http://user:secret@a.test/")
    assert.isTrue(Equal.equals(key, make("a.test")))
    assert.notInclude(JSON.stringify(key) + String(key), "secret")
  })
})

describe("ConnectionKey, as text", () => {
  it("is its origin, with what else distinguishes it", () => {
    const tls = { label: "partner" }
    assert.strictEqual(String(make("a.test")), "http://a.test:80")
    assert.strictEqual(String(make("::1", 443, true)), "https://[::1]:443")
    assert.strictEqual(
      String(
        ConnectionKey.make({
          host: "a.test",
          port: 443,
          useTls: true,
          tls,
          localAddress: "192.0.2.1",
          socketPath: "/s",
          proxy: { label: "out" }
        })
      ),
      "https://a.test:443 (socket: /s, from: 192.0.2.1, tls: partner, proxy: out)"
    )
  })

  it("as JSON it has its parts and the labels of its identities", () => {
    const key = ConnectionKey.make({
      host: "a.test",
      port: 443,
      useTls: true,
      tls: Object.assign({ label: "partner" }, { key: "secret" })
    })
    assert.deepStrictEqual(JSON.parse(JSON.stringify(key)), {
      _id: "@hotaru/pool/ConnectionKey",
      host: "a.test",
      port: 443,
      useTls: true,
      tls: "partner"
    })
  })

  it("only keys are keys", () => {
    assert.isTrue(ConnectionKey.isConnectionKey(make("a.test")))
    for (const other of [undefined, null, "a.test", { host: "a.test", port: 80, useTls: false }])
      assert.isFalse(ConnectionKey.isConnectionKey(other))
  })
})
