/** Options that no type checker has seen: plain JavaScript, spread objects, records of configurations. */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety, PooledHttpClient } from "@hotaru/client"
import {
  AddressEviction,
  EgressPolicy,
  NodeConnectionPool,
  NodeConnector,
  NodePooledHttpClient,
  NodeTls,
  PoolLive
} from "@hotaru/node"
import { ConnectionKey, type ConnectionPool, PoolError } from "@hotaru/pool"
import { Cause, Config, ConfigProvider, Effect, Exit, Layer, Logger, Option } from "effect"

/** As plain JavaScript passes it. */
const plain = (options: object) => options as never

const defectOf = <A, E>(exit: Exit.Exit<A, E>): unknown =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : "no failure"

const refusal = <A, E>(layer: Layer.Layer<A, E>) =>
  Effect.map(Effect.exit(Effect.scoped(Layer.build(layer))), (exit) => {
    const defect = defectOf(exit)
    assert.instanceOf(defect, PoolError.InvalidPoolConfig)
    return (defect as PoolError.InvalidPoolConfig).message.replace("Invalid pool configuration: ", "")
  })

const policy = EgressPolicy.publicInternetOnly
const guards = (field: string) =>
  `${field} must be left out, or given a value: it guards what is built with it, not undefined`
const unknown = (field: string, meant: string) => `unknown option ${field}; did you mean ${meant}?`

const refused: ReadonlyArray<
  readonly [what: string, layer: () => Layer.Layer<never, unknown> | Layer.Layer<unknown, unknown>, told: string]
> = [
  [
    "a misspelt policy",
    () => NodePooledHttpClient.layer({ connector: plain({ egres: policy }) }),
    unknown("connector.egres", "egress")
  ],
  [
    "a policy that did not arrive",
    () => NodePooledHttpClient.layer({ connector: plain({ egress: undefined }) }),
    guards("connector.egress")
  ],
  [
    "a connector that did not arrive",
    () => NodePooledHttpClient.layer(plain({ connector: undefined })),
    guards("connector")
  ],
  [
    "a connector that did not arrive, of a pool",
    () => NodeConnectionPool.layer(plain({ connector: undefined })),
    guards("connector")
  ],
  [
    "a resolver that did not arrive",
    () => NodeConnector.layer(plain({ resolver: undefined })),
    guards("connector.resolver")
  ],
  [
    "roots that did not arrive",
    () => NodeConnector.layer({ tls: plain({ ca: undefined }) }),
    guards("connector.tls.ca")
  ],
  [
    "a misspelt limit",
    () => NodePooledHttpClient.layer({ safety: plain({ maxBody: 1 }) }),
    unknown("safety.maxBody", "maxBodySize")
  ],
  [
    "methods that did not arrive",
    () => NodePooledHttpClient.layer({ safety: plain({ allowedMethods: undefined }) }),
    guards("safety.allowedMethods")
  ],
  [
    "a limit of a client alone",
    () => PooledHttpClient.layerWith({ safety: plain({ headerTimeout: 1 }) }).pipe(Layer.provide(PoolLive)),
    unknown("safety.headerTimeout", "headersTimeout")
  ],
  [
    "a misspelt record of limits",
    () => PooledHttpClient.layerWith(plain({ safty: {} })).pipe(Layer.provide(PoolLive)),
    unknown("safty", "safety")
  ],
  [
    "a misspelt record of a connector",
    () => NodePooledHttpClient.layer(plain({ conector: {} })),
    unknown("conector", "connector")
  ],
  [
    "a misspelt option of the pool",
    () => NodePooledHttpClient.layer(plain({ maxConections: 3 })),
    unknown("maxConections", "maxConnections")
  ],
  [
    "a spread record",
    () => NodeConnectionPool.layer(plain({ ...{ idleTimeOut: "1 second" } })),
    unknown("idleTimeOut", "idleTimeout")
  ],
  [
    "a misspelt switch of TLS",
    () => NodeConnector.layer({ tls: plain({ rejectUnauthorised: true }) }),
    unknown("connector.tls.rejectUnauthorised", "rejectUnauthorized")
  ],
  [
    "a configuration of a misspelt option",
    () => NodePooledHttpClient.layerConfig(plain({ maxConections: Config.succeed(3) })),
    unknown("maxConections", "maxConnections")
  ],
  [
    "a configuration of a misspelt policy",
    () => NodePooledHttpClient.layerConfig({ connector: plain({ egres: Config.succeed(policy) }) }),
    unknown("connector.egres", "egress")
  ],
  [
    "a configuration whose policy did not arrive",
    () => NodePooledHttpClient.layerConfig({ connector: plain({ egress: undefined }) }),
    guards("connector.egress")
  ],
  [
    "a configuration whose roots did not arrive",
    () => NodeConnectionPool.layerConfig({ connector: { tls: plain({ ca: undefined }) } }),
    guards("connector.tls.ca")
  ],
  [
    "a configuration of a misspelt limit",
    () => NodePooledHttpClient.layerConfig({ safety: plain({ maxBody: Config.succeed(1) }) }),
    unknown("safety.maxBody", "maxBodySize")
  ]
]

describe("a layer's build refuses", () => {
  for (const [what, layer, told] of refused) {
    it.effect(`${what}`, () =>
      Effect.map(refusal(layer() as Layer.Layer<unknown, unknown>), (message) => assert.strictEqual(message, told))
    )
  }

  it.effect("what a host's options have that no host has", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        HttpClient.get("http://127.0.0.1:9/").pipe(
          Effect.provide(NodePooledHttpClient.layer({ perHost: () => plain({ maxConnections: 3 }) }))
        )
      )
      assert.match(
        String(defectOf(exit)),
        /unknown option perHost\.maxConnections; did you mean maxConnectionsPerHost\?/
      )
    })
  )
})

describe("a record that is read at once refuses", () => {
  const throwing: ReadonlyArray<readonly [what: string, make: () => unknown, told: string]> = [
    ["a misspelt side of a policy", () => EgressPolicy.make(plain({ alow: [] })), unknown("egress.alow", "allow")],
    ["a side that did not arrive", () => EgressPolicy.make(plain({ allow: undefined })), guards("egress.allow")],
    [
      "a condition that did not arrive",
      () => EgressPolicy.make({ allow: [plain({ host: undefined, port: 80 })] }),
      guards("egress.allow[0].host")
    ],
    [
      "a misspelt condition",
      () => EgressPolicy.make({ deny: [plain({ prot: 80 })] }),
      unknown("egress.deny[0].prot", "port")
    ],
    [
      "a misspelt option of an identity",
      () => NodeTls.identity(plain({ serverName: "a.test", minVerion: "TLSv1.3" })),
      unknown("connector.tls.serverName", "servername")
    ],
    [
      "a misspelt option of an eviction",
      () => AddressEviction.departedAddresses(plain({ absence: 1 })),
      unknown("absence", "absences")
    ],
    [
      "a misspelt part of a key",
      () => ConnectionKey.make(plain({ host: "a.test", port: 443, usTls: true })),
      unknown("usTls", "useTls")
    ]
  ]
  for (const [what, make, told] of throwing) {
    it(what, () => {
      assert.throws(make, `Invalid pool configuration: ${told}`)
    })
  }
})

describe("a call refuses", () => {
  it("a misspelt option of redirects", () => {
    const client = HttpClient.make(() => Effect.never)
    assert.throws(
      () => PooledHttpClient.followRedirects(client, plain({ maxRedirect: 3 })),
      "unknown option followRedirects.maxRedirect; did you mean maxRedirects?"
    )
  })

  const call = HttpClient.get("http://127.0.0.1:9/")

  it("a misspelt limit", () => {
    assert.throws(
      () => HttpSafety.withLimits(call, plain({ maxBody: 1 })),
      "unknown option safety.maxBody; did you mean maxBodySize?"
    )
  })

  it.effect("a target with what no target has, or whose identity did not arrive", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const told = (target: object) =>
        Effect.map(Effect.exit(PooledHttpClient.withTarget(client, plain(target)).get("http://127.0.0.1:9/")), (exit) =>
          String(defectOf(exit))
        )
      assert.match(yield* told({ sockedPath: "/a" }), /unknown option target\.sockedPath; did you mean socketPath\?/)
      assert.match(yield* told({ tls: undefined }), /target\.tls must be left out, or given a value/)
      assert.match(yield* told({ host: "evil.test" }), /unknown option target\.host/)
    }).pipe(Effect.provide(NodePooledHttpClient.layer({})))
  )
})

describe("a record that is right", () => {
  it.effect("may be the defaults, spread, with one of them changed", () =>
    Effect.scoped(Layer.build(NodePooledHttpClient.layer({ safety: { ...HttpSafety.defaults, maxBodySize: 1024 } })))
  )
  it.effect("may be empty, as options and as configurations", () =>
    Effect.scoped(
      Layer.build(
        Layer.mergeAll(
          NodePooledHttpClient.layer({ safety: {}, connector: { tls: {} } }),
          NodePooledHttpClient.layerConfig({ safety: {}, connector: { tls: {} } })
        )
      )
    )
  )
})

describe("a variable of the environment", () => {
  const warnings = (
    layer: Layer.Layer<ConnectionPool.ConnectionPool, unknown>,
    provider: ConfigProvider.ConfigProvider
  ) => {
    const told: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => told.push(`${logLevel.label} ${String(message)}`))
    return Effect.scoped(Layer.build(layer)).pipe(
      Effect.withConfigProvider(provider),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.as(told)
    )
  }
  const misspelt = {
    HOTARU_POOL_MAX_CONECTIONS: "5",
    HOTARU_POOL_IDLE_TIMEOUT: "5 seconds",
    HOTARU_POOLS: "1",
    PATH: "/"
  }
  const expected = [
    "WARN HOTARU_POOL_MAX_CONECTIONS is not a variable of the connection pool and has no effect; did you mean HOTARU_POOL_MAX_CONNECTIONS?"
  ]

  it.effect("that is misspelt is warned of once, with the name that was meant", () =>
    Effect.gen(function* () {
      const provider = ConfigProvider.fromMap(new Map(Object.entries(misspelt)))
      assert.deepStrictEqual(yield* warnings(PoolLive, provider), expected)
    })
  )

  it.effect("that is misspelt is warned of where a provider takes names apart", () =>
    Effect.gen(function* () {
      const provider = ConfigProvider.fromMap(new Map(Object.entries(misspelt)), { pathDelim: "_", seqDelim: "," })
      assert.deepStrictEqual(yield* warnings(PoolLive, provider), expected)
    })
  )

  it.effect("of the process itself that is misspelt is warned of", () =>
    Effect.gen(function* () {
      process.env["HOTARU_POOL_MAX_CONECTIONS"] = "5"
      yield* Effect.addFinalizer(() => Effect.sync(() => delete process.env["HOTARU_POOL_MAX_CONECTIONS"]))
      assert.deepStrictEqual(yield* warnings(PoolLive, ConfigProvider.fromEnv()), expected)
    }).pipe(Effect.scoped)
  )

  it.effect("that is not the pool's is none of its business", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warnings(PoolLive, ConfigProvider.fromJson({ HOTARU: "1", A: { B: "c" } })), [])
    })
  )
})
