/** Servers that are installed on this machine; only their binaries are used. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"

export type RealName = "nginx" | "HAProxy" | "Apache"

interface Binary {
  readonly file: string
  /** What prints its version, and where in it the version is. */
  readonly ask: ReadonlyArray<string>
  /** The packages of Debian that bring it. */
  readonly debian: string
}

export const binaries: Readonly<Record<RealName, Binary>> = {
  nginx: { file: "nginx", ask: ["-v"], debian: "nginx-light" },
  HAProxy: { file: "haproxy", ask: ["-v"], debian: "haproxy" },
  Apache: { file: "apache2", ask: ["-v"], debian: "apache2" }
}

/** Debian keeps servers where no ordinary user's path leads. */
const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin"]

/** The path of a program, if it is installed. */
export const find = (file: string): string | undefined =>
  folders.map((folder) => `${folder}/${file}`).find((path) => existsSync(path))

/** The version of a server that is installed, as it tells it. */
export const versionOf = (name: RealName): string | undefined => {
  const { ask, file } = binaries[name]
  const path = find(file)
  if (path === undefined) return undefined
  const { error, stderr, stdout } = spawnSync(path, ask, { encoding: "utf8", timeout: 10_000 })
  if (error !== undefined) throw error
  return /(?:nginx|version|Apache)\S* ?(\d+\.\d+\.\d+)/i.exec(stdout + stderr)?.[1] ?? "of unknown version"
}
