/** The scripted responder: answers on loopback, over TCP and, if asked to, over TLS. */
import { constants } from "node:crypto"
import * as net from "node:net"
import * as tls from "node:tls"
import * as Certificate from "./certificate.js"
import { Requests } from "./Requests.js"
import { type Answer, answer } from "./routes.js"

export interface Options {
  /** Listens on a second port, over TLS. */
  readonly tls?: boolean
  /** Whether a TLS session can be resumed. True. */
  readonly tickets?: boolean
}

/** Counted since the responder began. */
export interface Stats {
  /** Of the whole process, in microseconds. */
  readonly cpu: number
  readonly requests: number
  /** Connections accepted over TCP, those for TLS among them. */
  readonly connections: number
  readonly open: number
  /** TLS handshakes that were completed, and how many of them resumed a session. */
  readonly handshakes: number
  readonly resumed: number
}

export interface Addresses {
  readonly port: number
  readonly tls: { readonly port: number; readonly ca: string } | undefined
}

export interface Responder extends Addresses {
  readonly stats: () => Stats
  /** Ends all connections. */
  readonly close: () => void
}

const none = Buffer.alloc(0)

const listening = (server: net.Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port))
  })

export const serve = async (options: Options = {}): Promise<Responder> => {
  let requests = 0
  let connections = 0
  let handshakes = 0
  let resumed = 0
  const sockets = new Set<net.Socket>()

  const accept = (socket: net.Socket) => {
    connections++
    sockets.add(socket)
    socket.setNoDelay(true)
    // A client that is gone is no failure of ours.
    socket.on("error", () => socket.destroy())
    socket.on("close", () => sockets.delete(socket))
  }
  const talk = (socket: net.Socket) => {
    // Bytes that were one whole request, and what was answered: the same bytes are that request again. Most clients
    // send nothing else, and need not be read.
    let known = none
    let knownAnswer: Answer = ""
    let found = 0
    const parser = new Requests((path, received) => {
      found++
      knownAnswer = answer(path, received)
      socket.write(knownAnswer, "latin1")
    })
    socket.on("data", (bytes: Buffer) => {
      const wasIdle = parser.isIdle
      if (wasIdle && bytes.equals(known)) {
        requests++
        socket.write(knownAnswer, "latin1")
        return
      }
      found = 0
      parser.push(bytes)
      requests += found
      known = wasIdle && found === 1 && parser.isIdle ? Buffer.from(bytes) : none
    })
  }

  const plain = net.createServer((socket) => {
    accept(socket)
    talk(socket)
  })
  const servers: Array<net.Server> = [plain]
  const port = await listening(plain)

  let overTls: Addresses["tls"]
  if (options.tls === true) {
    const { cert, key } = await Certificate.make()
    const withoutTickets = options.tickets === false
    const secure = tls.createServer({
      cert,
      key,
      ...(withoutTickets ? { secureOptions: constants.SSL_OP_NO_TICKET } : {})
    })
    secure.on("connection", accept)
    secure.on("secureConnection", (socket) => {
      handshakes++
      if (socket.isSessionReused()) resumed++
      socket.on("error", () => socket.destroy())
      talk(socket)
    })
    // The client has gone during the handshake.
    secure.on("tlsClientError", (_, socket) => socket.destroy())
    servers.push(secure)
    overTls = { port: await listening(secure), ca: cert }
  }

  return {
    port,
    tls: overTls,
    stats: () => {
      const { system, user } = process.cpuUsage()
      return { cpu: user + system, requests, connections, open: sockets.size, handshakes, resumed }
    },
    close: () => {
      for (const server of servers) server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}
