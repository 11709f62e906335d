/**
 * An attempt to open a connection to one address: TCP or a unix socket, then TLS where asked for.
 *
 * @internal
 */

import * as Net from "node:net"
import * as Tls from "node:tls"
import type { ConnectionFacts, DialTimings } from "@hotaru/pool/Connection"
import type { AttemptFailure } from "./dialErrors.js"
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

export interface Target {
  /** An IP literal or, without a port, a socket path. */
  readonly address: string
  readonly port: number | undefined
  readonly localAddress: string | undefined
  readonly tls: TlsTarget | undefined
  readonly settings: SocketSettings
}

export interface AttemptOwner {
  /** The transport is there; TLS, if any, begins. */
  onProgress(attempt: Attempt): void
  onOpened(attempt: Attempt, connection: SocketConnection): void
  onFailed(attempt: Attempt, failure: AttemptFailure): void
}

const now = (): number => performance.now()

export class Attempt {
  private readonly connection = new SocketConnection()
  private readonly startedAt = now()
  private socket: Net.Socket | undefined
  private connectedAt: number | undefined
  private verifiedAt: number
  private over = false

  constructor(
    private readonly target: Target,
    private readonly dns: number,
    private readonly owner: AttemptOwner
  ) {
    this.verifiedAt = this.startedAt
  }

  get address(): string {
    return this.target.address
  }

  /** Whether the transport is there. */
  get isConnected(): boolean {
    return this.connectedAt !== undefined
  }

  start(): void {
    let socket: Net.Socket
    try {
      socket = this.target.tls === undefined ? Net.connect(this.transport()) : this.connectTls(this.target.tls)
    } catch (cause) {
      return this.fail(cause instanceof Error ? cause : new Error(String(cause)))
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
    this.owner.onFailed(this, { phase, address: this.target.address, cause })
  }

  private opened(socket: Net.Socket, tls: ConnectionFacts["tls"]): void {
    this.over = true
    socket.off("error", this.onError)
    socket.off("close", this.onClose)
    const at = now()
    const tcp = this.connectedAt ?? at
    const timings: DialTimings = { dns: this.dns, tcp: tcp - this.startedAt, tls: tls === undefined ? 0 : at - tcp }
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

  private connectTls(tls: TlsTarget): Net.Socket {
    const { identity, name, place } = tls
    const session = identity.sessions.take(place, this.startedAt)
    if (session !== undefined) this.verifiedAt = session.verifiedAt
    // Direct, never over a socket of ours: only so does TLS read into our buffer (`onread`).
    const socket = Tls.connect({
      ...this.transport(),
      secureContext: identity.context,
      // Always passed: Node would read NODE_TLS_REJECT_UNAUTHORIZED anew at each connect.
      rejectUnauthorized: identity.verifies,
      checkServerIdentity: (_host, certificate) => Tls.checkServerIdentity(name, certificate),
      ALPNProtocols: [...identity.alpn],
      // An IP literal is no server name (RFC 6066 section 3).
      ...(Net.isIP(name) === 0 ? { servername: name } : {}),
      ...(session === undefined ? {} : { session: session.data })
    } as Tls.ConnectionOptions)
    socket.once("secureConnect", () => {
      if (this.over) return
      const resumed = socket.isSessionReused()
      // What was offered and not taken says nothing: this handshake verified the certificate itself.
      if (!resumed) this.verifiedAt = this.startedAt
      this.opened(socket, {
        protocol: socket.getProtocol() ?? "unknown",
        cipher: socket.getCipher().name,
        authorized: identity.verifies && socket.authorized,
        resumed,
        alpn: socket.alpnProtocol === false || socket.alpnProtocol === null ? undefined : socket.alpnProtocol
      })
    })
    if (identity.verifies) {
      socket.on("session", (data) => {
        if (!socket.authorized) return
        identity.sessions.add(place, { data, verifiedAt: this.verifiedAt, once: socket.getProtocol() === "TLSv1.3" })
      })
    }
    return socket
  }
}
