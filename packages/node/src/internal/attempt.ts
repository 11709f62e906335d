/**
 * An attempt to open a connection to one address: the policy's leave, TCP or a unix socket, then TLS where asked for.
 *
 * @internal
 */

import * as Net from "node:net"
import * as Tls from "node:tls"
import type { ConnectionFacts, DialTimings } from "@hotaru/pool/Connection"
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { DialPlace } from "@hotaru/pool/Connector"
import type { EgressDenial } from "@hotaru/pool/PoolError"
import type { Destination } from "../EgressPolicy.js"
import type { AttemptFailure } from "./dialErrors.js"
import type { EgressGuard } from "./egressGuard.js"
import { isError } from "./isError.js"
import { SocketConnection } from "./socketConnection.js"
import type { NodeTlsIdentity } from "./tlsIdentity.js"

/** How sockets are set up. */
export interface SocketSettings {
  readonly noDelay: boolean
  /** Milliseconds of silence before TCP asks whether the peer is there; undefined: never. */
  readonly keepAlive: number | undefined
}

export interface TlsTarget {
  readonly identity: NodeTlsIdentity
  /** The name (or IP literal) that the certificate must carry, without a trailing dot. */
  readonly name: string
  /** Under which sessions are kept: host and port as the key has them. */
  readonly place: string
}

/** Who must give leave, and on whose behalf it is asked for. */
export interface Egress {
  readonly guard: EgressGuard
  readonly key: ConnectionKey
}

export interface Target {
  /** An IP literal or, without a port, a socket path. */
  readonly address: string
  readonly port: number | undefined
  readonly localAddress: string | undefined
  readonly tls: TlsTarget | undefined
  readonly settings: SocketSettings
  /** Undefined: everything may be dialled. */
  readonly egress: Egress | undefined
}

export interface AttemptOwner {
  /** The transport is there; TLS, if any, begins. */
  onProgress(attempt: Attempt): void
  onOpened(attempt: Attempt, connection: SocketConnection): void
  onFailed(attempt: Attempt, failure: AttemptFailure): void
  /** Nothing was dialled. */
  onDenied(attempt: Attempt, denial: EgressDenial): void
}

/** Session tickets that a peer may send on one connection; four times as many as are kept of a place. */
export const mostTickets = 64

class TooManyTickets extends Error {
  readonly code = "ERR_TLS_TOO_MANY_TICKETS"
  override readonly message = `the peer sent more than ${mostTickets} session tickets on one connection`
}

class UnofferedProtocol extends Error {
  readonly code = "ERR_TLS_ALPN_NOT_OFFERED"

  constructor(protocol: string) {
    super(`the peer chose the protocol ${JSON.stringify(protocol)}, which was not offered`)
  }
}

const now = (): number => performance.now()

export class Attempt {
  private readonly connection = new SocketConnection()
  private startedAt: number | undefined
  private stopJudging: (() => void) | undefined
  private socket: Net.Socket | undefined
  private connectedAt: number | undefined
  private verifiedAt = 0
  private over = false

  constructor(
    private readonly target: Target,
    private readonly dns: number,
    private readonly owner: AttemptOwner
  ) {}

  get address(): string {
    return this.target.address
  }

  /** Whether it was dialled, and nothing has come of it yet. */
  get isSilent(): boolean {
    return this.startedAt !== undefined && this.connectedAt === undefined
  }

  /** What it waits for. */
  place(): DialPlace {
    const { address, egress } = this.target
    if (this.startedAt === undefined)
      return { phase: "tcp", detail: `the egress policy "${egress?.guard.label}" has not judged ${address}` }
    return this.connectedAt === undefined
      ? { phase: "tcp", detail: `${address} has not answered` }
      : { phase: "tls", detail: `${address} accepted the connection and has not finished the TLS handshake` }
  }

  /** What is judged here is the very literal that is handed to Node in this call, or once the verdict is there. */
  start(): void {
    const { egress } = this.target
    if (egress === undefined) return this.connect()
    this.stopJudging = egress.guard.judge(destinationOf(this.target, egress.key), (denial) => {
      if (this.over) return
      if (denial === undefined) return this.connect()
      this.over = true
      this.owner.onDenied(this, denial)
    })
  }

  private connect(): void {
    const startedAt = now()
    this.startedAt = this.verifiedAt = startedAt
    let socket: Net.Socket
    try {
      socket =
        this.target.tls === undefined ? Net.connect(this.transport()) : this.connectTls(this.target.tls, startedAt)
    } catch (cause) {
      return this.fail(isError(cause) ? cause : new Error(String(cause)))
    }
    this.socket = socket
    socket.once("connect", this.onConnect)
    // These two stay, also when the attempt is over: an error of a socket must never go unheard.
    socket.on("error", this.onError)
    socket.on("close", this.onClose)
  }

  /** Closes whatever is open, synchronously; the owner is not told. */
  abort(): void {
    this.over = true
    this.stopJudging?.()
    this.socket?.destroy()
  }

  private readonly onConnect = (): void => {
    if (this.over || this.socket === undefined) return
    this.connectedAt = now()
    const { keepAlive, noDelay } = this.target.settings
    if (this.target.port !== undefined) {
      if (noDelay) this.socket.setNoDelay(true)
      if (keepAlive !== undefined) this.socket.setKeepAlive(true, keepAlive)
    }
    if (this.target.tls === undefined) this.opened(this.socket, undefined)
    else this.owner.onProgress(this)
  }

  private readonly onError = (cause: Error): void => this.fail(cause)

  private readonly onClose = (): void => this.fail(new Error("the socket was closed"))

  private fail(cause: Error): void {
    if (this.over) return
    this.over = true
    this.socket?.destroy()
    const { tls } = this.target
    const phase = tls === undefined || this.connectedAt === undefined ? "tcp" : "tls"
    if (phase === "tls") tls?.identity.sessions.drop(tls.place)
    const { address } = this.target
    this.owner.onFailed(this, { phase, address, cause, presented: tls?.identity.presents ?? false })
  }

  private opened(socket: Net.Socket, tls: ConnectionFacts["tls"]): void {
    this.over = true
    socket.off("error", this.onError)
    socket.off("close", this.onClose)
    const at = now()
    const tcp = this.connectedAt ?? at
    const timings: DialTimings = {
      dns: this.dns,
      tcp: tcp - (this.startedAt ?? tcp),
      tls: tls === undefined ? 0 : at - tcp
    }
    const facts = {
      remoteAddress: this.target.address,
      remotePort: this.target.port,
      localAddress: socket.localAddress,
      localPort: socket.localPort,
      tls,
      timings
    }
    this.connection.open(socket, facts, this.target.settings.keepAlive)
    this.owner.onOpened(this, this.connection)
  }

  private transport(): Net.NetConnectOpts & { readonly onread: Net.OnReadOpts } {
    const { address, localAddress, port } = this.target
    // Half open is allowed so that Node does not end our side by itself: the receiver decides.
    const common = { onread: this.connection.onread, allowHalfOpen: true }
    if (port === undefined) return { ...common, path: address }
    // The address is a literal, so Node neither looks anything up nor tries others of its own.
    return {
      ...common,
      host: address,
      port,
      autoSelectFamily: false,
      ...(localAddress === undefined ? {} : { localAddress })
    }
  }

  private connectTls(tls: TlsTarget, startedAt: number): Net.Socket {
    const { identity, name, place } = tls
    const session = identity.sessions.take(place, startedAt)
    if (session !== undefined) this.verifiedAt = session.verifiedAt
    // Direct, never over a socket of ours: only so does TLS read into our buffer (`onread`).
    const socket = Tls.connect({
      ...this.transport(),
      secureContext: identity.context,
      // Always passed: Node would read NODE_TLS_REJECT_UNAUTHORIZED anew at each connect.
      rejectUnauthorized: identity.verifies,
      checkServerIdentity: (_host, certificate) => identity.check(name, certificate),
      ALPNProtocols: [...identity.alpn],
      // An IP literal is no server name (RFC 6066 section 3).
      ...(Net.isIP(name) === 0 ? { servername: name } : {}),
      ...(session === undefined ? {} : { session: session.data })
    } as Tls.ConnectionOptions)
    socket.once("secureConnect", () => {
      if (this.over) return
      const resumed = socket.isSessionReused()
      // What was offered and not taken says nothing: this handshake verified the certificate itself.
      if (!resumed) this.verifiedAt = startedAt
      const alpn = socket.alpnProtocol === false || socket.alpnProtocol === null ? undefined : socket.alpnProtocol
      // OpenSSL does not look whether it was offered (RFC 7301 section 3.2).
      if (alpn !== undefined && !identity.alpn.includes(alpn)) return this.fail(new UnofferedProtocol(alpn))
      this.opened(socket, {
        protocol: socket.getProtocol() ?? "unknown",
        cipher: socket.getCipher().name,
        authorized: identity.verifies && socket.authorized,
        resumed,
        alpn,
        clientCertificate: identity.presents
      })
    })
    let tickets = 0
    socket.on("session", (data) => {
      // Each costs as much as a kilobyte of an answer, needs no request, and is no byte that anybody is told of.
      if (++tickets > mostTickets) socket.destroy(new TooManyTickets())
      else if (identity.verifies && socket.authorized)
        identity.sessions.add(place, { data, verifiedAt: this.verifiedAt, once: socket.getProtocol() === "TLSv1.3" })
    })
    return socket
  }
}

const destinationOf = ({ address, port }: Target, { host, port: keyPort, useTls }: ConnectionKey): Destination =>
  port === undefined
    ? { _tag: "Socket", host, port: keyPort, useTls, path: address }
    : { _tag: "Address", host, port, useTls, address }
