/**
 * Deadlines in lists by duration, as the operating system's own timers are kept in Node: within one list they expire in
 * the order in which they were set, so setting, clearing and finding the next are O(1), and one alarm serves all.
 */
import * as AsyncContexts from "../AsyncContexts.js"
import type { Deadline, Deadlines } from "../Deadlines.js"
import { type Linked, LinkedList } from "./list.js"
import type { TimeKeeper } from "./timeKeeper.js"

/** Empty lists kept for the next deadline of the same duration; beyond that they are forgotten. */
const keptLists = 64

class Entry implements Deadline, Linked<Entry> {
  previous: Entry | undefined = undefined
  next: Entry | undefined = undefined
  active = true

  constructor(
    private readonly owner: DeadlineLists,
    readonly millis: number,
    readonly due: number,
    readonly onExpired: () => void
  ) {}

  clear(): void {
    if (this.active) this.owner.remove(this)
  }
}

export class DeadlineLists implements Deadlines {
  private readonly lists = new Map<number, LinkedList<Entry>>()
  private size = 0
  /** When the alarm is set to ring. It is left alone when its deadline is cleared: it then rings for nothing, once. */
  private alarmAt = Infinity
  private readonly ring = () => this.root.run(this.expireAll, undefined)
  private readonly expireAll = () => this.expire()
  private readonly armAlarm = (millis: number) => this.time.arm(millis, this.ring)

  readonly now: () => number

  constructor(
    private readonly time: TimeKeeper,
    /** The alarm serves many callers, and keeps none's context. */
    private readonly root: AsyncContexts.AsyncContext = AsyncContexts.none.root
  ) {
    this.now = time.now
  }

  readonly set = (millis: number, onExpired: () => void): Deadline => {
    const now = this.time.now()
    const entry = new Entry(this, millis, now + millis, onExpired)
    if (millis === Infinity) {
      entry.active = false
      return entry
    }
    let list = this.lists.get(millis)
    if (list === undefined) {
      list = new LinkedList()
      this.lists.set(millis, list)
    }
    list.append(entry)
    this.size++
    if (this.size === 1) this.time.hold()
    if (entry.due < this.alarmAt) this.arm(entry.due, now)
    return entry
  }

  remove(entry: Entry): void {
    entry.active = false
    const list = this.lists.get(entry.millis) as LinkedList<Entry>
    list.remove(entry)
    if (list.size === 0 && this.lists.size > keptLists) this.lists.delete(entry.millis)
    this.size--
    if (this.size === 0) this.time.release()
  }

  close(): void {
    this.alarmAt = Infinity
    this.time.disarm()
  }

  private arm(at: number, now: number): void {
    this.alarmAt = at
    this.root.run(this.armAlarm, Math.max(at - now, 0))
  }

  private expire(): void {
    this.alarmAt = Infinity
    const now = this.time.now()
    const defects: Array<unknown> = []
    for (const list of this.lists.values()) {
      while (list.head !== undefined && list.head.due <= now) {
        const entry = list.head
        this.remove(entry)
        try {
          entry.onExpired()
        } catch (defect) {
          // The others must still be told.
          defects.push(defect)
        }
      }
    }
    let next = Infinity
    for (const list of this.lists.values()) {
      if (list.head !== undefined && list.head.due < next) next = list.head.due
    }
    // A callback may have set a nearer one already.
    if (next < this.alarmAt) this.arm(next, now)
    if (defects.length > 0) throw defects[0]
  }
}
