import { readFileSync } from "node:fs"

/** States of a socket, as the kernel calls them. */
export const ESTABLISHED = "01"
export const CLOSE_WAIT = "08"

const address = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`

/** The states of this machine's sockets on loopback to a port, or of the one from a port to another. Linux only. */
export const statesInTheKernel = (to: number, from?: number): ReadonlyArray<string> => {
  const line = new RegExp(
    `^ *\\d+: ${from === undefined ? "0100007F:\\w{4}" : address(from)} ${address(to)} (\\w\\w) `,
    "gm"
  )
  return [...readFileSync("/proc/net/tcp", "latin1").matchAll(line)].map(([, state]) => state ?? "")
}

/** Bytes that have come for this machine's sockets on loopback to a port and that nobody has read. Linux only. */
export const unreadInTheKernel = (to: number): number => {
  const line = new RegExp(`^ *\\d+: 0100007F:\\w{4} ${address(to)} \\w\\w \\w{8}:(\\w{8}) `, "gm")
  return [...readFileSync("/proc/net/tcp", "latin1").matchAll(line)].reduce(
    (sum, [, queue]) => sum + Number.parseInt(queue ?? "0", 16),
    0
  )
}
