/** A server in the foreground: a child of this process that ends with it, run by nobody in particular. */
import { type ChildProcess, spawn } from "node:child_process"
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { find } from "./binaries.js"

/** Nobody's user and group, for a suite that root runs: the servers need no rights. */
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined

/** A folder for one server, its own to write in. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const path = mkdtempSync(join(tmpdir(), "hotaru-real-"))
    if (nobody !== undefined) chownSync(path, nobody.uid, nobody.gid)
    return path
  }),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Writes files that the server reads; the keys among them are for this run only. */
export const write = (path: string, files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(files)) {
    const file = join(path, name)
    writeFileSync(file, text, { mode: 0o600 })
    if (nobody !== undefined) chownSync(file, nobody.uid, nobody.gid)
  }
}

/** What it writes to its standard output and error, and how it ended. */
export class Daemon {
  output = ""
  readonly ended: Effect.Effect<void>
  private readonly listeners = new Set<() => void>()

  constructor(
    readonly name: string,
    readonly child: ChildProcess
  ) {
    const note = (bytes: Buffer) => {
      this.output += bytes.toString("utf8")
      this.look()
    }
    child.stdout?.on("data", note)
    child.stderr?.on("data", note)
    // Its descriptors may be held by children of its own for longer.
    child.on("exit", () => this.look())
    child.on("error", (cause) => {
      this.output += String(cause)
      this.look()
    })
    this.ended = this.until(() => this.hasEnded)
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined
  }

  /** How often it has said something. */
  said(what: RegExp): number {
    return this.output.match(new RegExp(what, "g"))?.length ?? 0
  }

  /** Waits until it has said something so many times; that it ends before is a defect, and what it said is shown. */
  saying(what: RegExp, times = 1): Effect.Effect<void> {
    return Effect.suspend(() => {
      const holds = () => this.said(what) >= times
      return Effect.flatMap(
        this.until(() => holds() || this.hasEnded),
        () => (holds() ? Effect.void : Effect.dieMessage(`${this.name} ended: ${this.output}`))
      )
    }).pipe(
      Effect.timeout("20 seconds"),
      Effect.catchTag("TimeoutException", () => Effect.dieMessage(`${this.name} never said ${what}: ${this.output}`))
    )
  }

  private until(holds: () => boolean): Effect.Effect<void> {
    return Effect.async((resume) => {
      const look = () => {
        if (!holds()) return
        this.listeners.delete(look)
        resume(Effect.void)
      }
      this.listeners.add(look)
      look()
      return Effect.sync(() => this.listeners.delete(look))
    })
  }

  private look(): void {
    for (const listener of [...this.listeners]) listener()
  }
}

/**
 * The kernel ends it with this process, however that ends. `setpriv` becomes the server, so the process is the one that
 * was started.
 */
const command = (path: string, args: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] => {
  const setpriv = find("setpriv")
  return setpriv === undefined ? [path, args] : [setpriv, ["--pdeathsig", "TERM", path, ...args]]
}

const start = (name: string, file: string, args: ReadonlyArray<string>): Daemon => {
  const path = find(file)
  if (path === undefined) throw new Error(`${name} is not installed`)
  const [program, rest] = command(path, args)
  return new Daemon(name, spawn(program, rest, { ...nobody, stdio: ["ignore", "pipe", "pipe"], env: { PATH: "" } }))
}

/** Ends it: at once and with its children, as each of these servers does on TERM, else by force. */
const end = (daemon: Daemon): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (daemon.hasEnded) return Effect.void
    daemon.child.kill("SIGTERM")
    return daemon.ended.pipe(
      Effect.interruptible,
      Effect.timeout("5 seconds"),
      Effect.catchAll(() => {
        daemon.child.kill("SIGKILL")
        return daemon.ended
      })
    )
  })

/** Runs a server until the scope closes. */
export const run = (
  name: string,
  file: string,
  args: ReadonlyArray<string>
): Effect.Effect<Daemon, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => start(name, file, args)),
    end
  )

/** Runs a command of a server's to its end; a status other than 0 is a defect. */
export const tell = (name: string, file: string, args: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const daemon = start(name, file, args)
    return Effect.flatMap(daemon.ended, () =>
      daemon.child.exitCode === 0 ? Effect.void : Effect.dieMessage(`${name} ${args.join(" ")}: ${daemon.output}`)
    )
  })
