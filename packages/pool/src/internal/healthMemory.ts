/**
 * The health of hosts that have no connection, dial or request at the moment. Bounded: no key stays for long, and not
 * many do.
 */
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type { ConnectionKey } from "../ConnectionKey.js"
import type { Health } from "./health.js"
import { type Linked, LinkedList } from "./list.js"

/** Hosts remembered; the one longest forgotten gives way. */
export const mostRemembered = 256

/** How long a host is remembered. Milliseconds. */
export const rememberedFor = 5 * 60_000

class Remembered implements Linked<Remembered> {
  previous: Remembered | undefined = undefined
  next: Remembered | undefined = undefined
  constructor(
    readonly key: ConnectionKey,
    readonly health: Health,
    readonly since: number
  ) {}
}

export class HealthMemory {
  private readonly byKey = MutableHashMap.empty<ConnectionKey, Remembered>()
  private readonly byAge = new LinkedList<Remembered>()

  get size(): number {
    return this.byAge.size
  }

  keep(key: ConnectionKey, health: Health, now: number): void {
    this.take(key, now)
    const remembered = new Remembered(key, health, now)
    MutableHashMap.set(this.byKey, key, remembered)
    this.byAge.append(remembered)
    if (this.byAge.size > mostRemembered) this.drop(this.byAge.head as Remembered)
  }

  take(key: ConnectionKey, now: number): Health | undefined {
    this.forgetOld(now)
    const found = this.byAge.size === 0 ? Option.none() : MutableHashMap.get(this.byKey, key)
    if (found._tag === "None") return undefined
    this.drop(found.value)
    return found.value.health
  }

  forgetOld(now: number): void {
    for (let oldest = this.byAge.head; oldest !== undefined; oldest = this.byAge.head) {
      if (now - oldest.since < rememberedFor) return
      this.drop(oldest)
    }
  }

  private drop(remembered: Remembered): void {
    this.byAge.remove(remembered)
    MutableHashMap.remove(this.byKey, remembered.key)
  }
}
