/** A soak as text. */
import Chart from "asciichart"
import Table from "cli-table3"
import type { Result } from "./Soak.js"
import type { Sample } from "./Watch.js"

const width = 60

/** As many values as the chart has columns, each the mean of those it stands for. */
const squeeze = (values: ReadonlyArray<number>): Array<number> => {
  const columns = Math.min(width, values.length)
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns)
    const some = values.slice(from, Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns)))
    return some.reduce((sum, value) => sum + value, 0) / some.length
  })
}

const chart = (title: string, values: ReadonlyArray<number>): ReadonlyArray<string> =>
  values.length < 2
    ? []
    : [title, Chart.plot(squeeze(values), { height: 6, min: 0, format: (value) => value.toFixed(0).padStart(8) })]

/** Requests a second between one sample and the next. */
const rates = (samples: ReadonlyArray<Sample>): ReadonlyArray<number> =>
  samples.slice(1).flatMap((sample, at) => {
    const before = samples[at]!
    const seconds = sample.seconds - before.seconds
    return seconds > 0 ? [(sample.done - before.done) / seconds] : []
  })

const counts = (entries: Iterable<readonly [string, number]>): string =>
  [...entries]
    .filter(([, count]) => count > 0)
    .sort(([, left], [, right]) => right - left)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")

const rests = (result: Result): string => {
  const table = new Table({
    head: ["lap", "requests", "seconds", "heap MiB", "fibers", "sockets", "idle", "descriptors"],
    style: { head: [], border: [], compact: true },
    colAligns: Array.from({ length: 8 }, () => "right" as const)
  })
  table.push(
    ...result.rests.map(({ descriptors, done, fibers, heap, idle, seconds, sockets }, lap) => [
      lap + 1,
      done,
      seconds.toFixed(1),
      heap.toFixed(1),
      fibers,
      sockets,
      idle,
      descriptors
    ])
  )
  return table.toString()
}

const highest = (samples: ReadonlyArray<Sample>, of: (sample: Sample) => number): number =>
  samples.reduce((most, sample) => Math.max(most, of(sample)), 0)

export const summary = (result: Result): string => {
  const { cpu, far, faults, plan, samples, seconds, stats, tally } = result
  return [
    "",
    ...chart("requests a second", rates(samples)),
    "",
    ...chart(
      "heap under traffic, MiB",
      samples.map(({ heap }) => heap)
    ),
    "",
    "At rest after each lap:",
    rests(result),
    "",
    `Traffic: ${counts(tally.kinds)}; ${(tally.bytes / 1024 / 1024).toFixed(0)} MiB of content.`,
    `Faults: ${counts(Object.entries(far.struck))}, on ${far.connections} connections.`,
    `Pool: ${stats.hits} hits, ${stats.misses} misses, ${stats.staleRetries} sent again, ${stats.created} opened.`,
    `At most: ${highest(samples, (one) => one.sockets)} sockets, ${highest(samples, (one) => one.descriptors)} descriptors, ${highest(samples, (one) => one.fibers)} fibers.`,
    `CPU time: ${(cpu / tally.done).toFixed(0)} µs a request here, ${(far.cpu / tally.done).toFixed(0)} µs in servers and proxies.`,
    `Errors: ${counts(tally.errors) || "none"}.`,
    `Claims: ${tally.claims.length} requests were called safe to send again; ${far.arrived.length} of them had arrived.`,
    `${tally.done} requests in ${seconds.toFixed(1)} s, ${(tally.done / seconds).toFixed(0)} a second: ${tally.right} right, ${tally.givenUp} given up on purpose, ${tally.cutShort} cut short where HTTP cannot tell, ${tally.failed} failed with an error of ours, ${tally.wrong} wrong. Seed ${plan.seed}.`,
    ...(faults.length === 0 ? ["Nothing was mixed up, nothing leaked."] : ["", ...faults])
  ].join("\n")
}
