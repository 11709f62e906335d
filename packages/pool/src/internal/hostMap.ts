/**
 * The map of hosts, in a `Ref` that changes when a host comes or goes; what it holds is touched by the core alone.
 */
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Ref from "effect/Ref"
import type { AsyncContext } from "../AsyncContexts.js"
import type { ConnectionKey } from "../ConnectionKey.js"
import { Health } from "./health.js"
import { HealthMemory } from "./healthMemory.js"
import { HostRecord } from "./model.js"
import type { HostSettings, PoolSettings } from "./settings.js"

export class HostMap {
  readonly ref: Ref.Ref<HashMap.HashMap<ConnectionKey, HostRecord>> = Ref.unsafeMake(HashMap.empty())
  /** Hosts by the very key object they were asked for with: a shortcut past hashing. */
  private readonly known = new WeakMap<ConnectionKey, HostRecord>()
  readonly memory = new HealthMemory()

  constructor(
    private readonly settings: PoolSettings,
    private readonly now: () => number,
    /** What holds for a host holds for all callers: `perHost` is not to see the store of the first one. */
    private readonly root: AsyncContext
  ) {}

  all(): ReadonlyArray<HostRecord> {
    return Array.from(HashMap.values(this.current()))
  }

  get size(): number {
    return HashMap.size(this.current())
  }

  find(key: ConnectionKey): HostRecord | undefined {
    const known = this.known.get(key)
    if (known !== undefined && !known.forgotten) return known
    const found = HashMap.get(this.current(), key)
    if (found._tag === "None" || found.value.forgotten) return undefined
    this.known.set(key, found.value)
    return found.value
  }

  /** `settings`: those that a host of this key had before, if that is known. */
  get(key: ConnectionKey, settings?: HostSettings): HostRecord {
    const found = this.find(key)
    if (found !== undefined) return found
    const health = this.memory.take(key, this.now()) ?? new Health()
    const host = new HostRecord(key, settings ?? this.root.run(this.settings.host, key), health)
    this.known.set(key, host)
    Effect.runSync(Ref.update(this.ref, HashMap.set(key, host)))
    return host
  }

  /** Takes the host out, unless a newer record has taken its place. */
  forget(host: HostRecord): void {
    this.known.delete(host.key)
    const now = this.now()
    if (host.health.isNoteworthy(host.settings.retryBudget, now)) this.memory.keep(host.key, host.health, now)
    Effect.runSync(
      Ref.update(this.ref, (hosts) => {
        const current = HashMap.get(hosts, host.key)
        return current._tag === "Some" && current.value === host ? HashMap.remove(hosts, host.key) : hosts
      })
    )
  }

  private current(): HashMap.HashMap<ConnectionKey, HostRecord> {
    return Effect.runSync(Ref.get(this.ref))
  }
}
