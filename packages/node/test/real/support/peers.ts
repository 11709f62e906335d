/** The servers that the tests run against. */
import { apache } from "./apache.js"
import { haproxy } from "./haproxy.js"
import { nginx } from "./nginx.js"
import { node } from "./node.js"
import type { Peer } from "./peer.js"

export const all: ReadonlyArray<Peer> = [nginx, haproxy, apache, node]

/** Those that are installed; `installed.test.ts` says which are not. */
export const installed: ReadonlyArray<Peer> = all.filter(({ version }) => version !== undefined)
