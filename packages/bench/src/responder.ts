/** The server: a scripted responder in a process of its own. Tells where it listens, and what it has counted when asked. Ends with its parent. */
import { type Options, serve } from "./responder/serve.js"

process.on("disconnect", () => process.exit(0))

const responder = await serve(JSON.parse(process.argv[2] ?? "{}") as Options)
process.on("message", () => process.send?.({ stats: responder.stats() }))
process.send?.({ addresses: { port: responder.port, tls: responder.tls } })
