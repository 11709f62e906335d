/**
 * One suite over three clients: ours and the two that come with the platform. Where one differs, its case says so by
 * name instead of being dropped.
 */

import type * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

export type PeerName = "hotaru" | "undici" | "node"

export interface Peer {
  readonly name: PeerName
  readonly layer: Layer.Layer<HttpClient.HttpClient>
  /** The same, trusting one more certificate authority. */
  readonly trusting: (ca: string) => Layer.Layer<HttpClient.HttpClient>
}

export const peers: ReadonlyArray<Peer> = [
  {
    name: "hotaru",
    layer: NodePooledHttpClient.layer(),
    trusting: (ca) => NodePooledHttpClient.layer({ connector: { tls: { ca } } })
  },
  {
    name: "undici",
    layer: NodeHttpClient.layerUndici,
    trusting: (ca) =>
      Layer.provide(
        NodeHttpClient.layerUndiciWithoutDispatcher,
        Layer.scoped(
          NodeHttpClient.Dispatcher,
          Effect.acquireRelease(
            Effect.sync(() => new Undici.Agent({ connect: { ca } })),
            (agent) => Effect.promise(() => agent.destroy())
          )
        )
      )
  },
  {
    name: "node",
    layer: NodeHttpClient.layer,
    trusting: (ca) => Layer.provide(NodeHttpClient.layerWithoutAgent, NodeHttpClient.makeAgentLayer({ ca }))
  }
]

type Test = Effect.Effect<unknown, unknown, HttpClient.HttpClient | Scope.Scope>

/**
 * Why a client does not do what the case says. The case must fail for it, or hang, or the table is out of date; with
 * `instead` it is held to what it does do. With `unstable` what it does depends on timing, on garbage collection or on
 * the version of Node, and the case is skipped for it.
 */
export type Differs =
  | { readonly because: string; readonly instead?: Test }
  | { readonly because: string; readonly unstable: true }

export type Table = Partial<Record<PeerName, Differs>>

/** A case holds for every client, but for those in the table. */
export type Case = (name: string, test: Test, differs?: Table, timeout?: number) => void

/**
 * The servers of a test close before its client does: a client that drains would wait for what the test has left
 * hanging on purpose.
 */
const run = (test: Test, peer: Peer) => Effect.provide(Effect.scoped(test), peer.layer)

/** Cases, once for each client. */
export const overPeers = (title: string, cases: (behaves: Case, peer: Peer) => void): void => {
  for (const peer of peers) {
    describe(`${title} [${peer.name}]`, () => {
      cases((name, test, differs = {}, timeout = 10_000) => {
        const difference = differs[peer.name]
        if (difference === undefined) {
          it.live(name, () => run(test, peer), timeout)
        } else if (!("unstable" in difference)) {
          it.live(
            `${name} (differs: ${difference.because})`,
            () =>
              Effect.gen(function* () {
                const exit = yield* run(test, peer).pipe(Effect.timeout("1 second"), Effect.exit)
                assert.isTrue(Exit.isFailure(exit), `${peer.name} no longer differs: remove it from the table`)
                if (difference.instead !== undefined) yield* run(difference.instead, peer)
              }),
            timeout
          )
        } else {
          // biome-ignore lint/suspicious/noSkippedTests: the case is known not to hold for this peer, and says why
          it.skip(`${name} (differs: ${difference.because})`, () => {})
        }
      }, peer)
    })
  }
}
