/** A POST of 1 KiB of JSON, and the answer of the same size decoded: by a schema where there is Effect. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Answers from "../answers.js"
import { against } from "../findings.js"
import type { Measure } from "../Measure.js"
import * as Server from "../server.js"
import type { Json } from "../Work.js"
import * as Races from "./races.js"

const together = 50

const Order = Schema.Struct({
  id: Schema.Number,
  customer: Schema.String,
  paid: Schema.Boolean,
  items: Schema.Array(Schema.Struct({ sku: Schema.String, title: Schema.String, quantity: Schema.Number }))
})

const last = Answers.order.items.length - 1

export const work: Json = {
  _tag: "Json",
  path: Answers.echo,
  body: Answers.order,
  schema: Order as unknown as Json["schema"],
  isRight: (answer) => {
    const { id, items } = answer as Partial<Answers.Order>
    return (
      id === Answers.order.id && items?.length === last + 1 && items[last]?.title === Answers.order.items[last]?.title
    )
  }
}

export const json: Measure = Effect.fnUntraced(function* (effort) {
  const { origin } = yield* Server.start()
  const peers = yield* Races.peers(effort, { origin, connections: together })
  const title = `POST of 1 KiB of JSON, answer decoded, ${together} at a time`
  const { cpu } = yield* Races.run(effort, peers, { title, work, together, operations: 5_000 })
  const what = (other: string) => `POST of 1 KiB of JSON, CPU against ${other}`
  return [
    against(cpu, "hotaru", "layerUndici", undefined, what("layerUndici")),
    against(cpu, "hotaru", "undici.request", undefined, what("undici.request"))
  ]
})
