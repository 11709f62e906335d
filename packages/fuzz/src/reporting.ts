/** Reports as text. */
import type { Difference } from "./Difference.js"
import { batchSize, type Failure } from "./Fuzz.js"
import * as Readers from "./Readers.js"
import type { Tally } from "./Tally.js"

export const everyDifference: ReadonlyArray<Difference> = [
  ...Readers.everyDifference,
  ...Readers.everyDifferenceOfUndici
]

export const failed = ({ problem, readers, seed, shrinks, smallest }: Failure): string =>
  [
    `Seed ${seed}: ${readers} differ, and no difference on the list says why.`,
    `The smallest such case, after ${shrinks} steps: ${smallest}`,
    problem,
    `Play it again: npm run fuzz -- --seed ${seed} --cases ${batchSize}`,
    ""
  ].join("\n")

const counts = (counted: ReadonlyMap<string, number>): string =>
  [...counted]
    .sort(([, left], [, right]) => right - left)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")

export const summary = (tally: Tally, failures: number, seconds: number): string => {
  const unseen = everyDifference
    .filter((one) => Readers.isHere(one) && !tally.differences.has(one.name))
    .map(({ name }) => name)
  return [
    `Outcomes (codec/Node's parser): ${counts(tally.outcomes)}.`,
    `Through whole clients: ${counts(tally.clients)}.`,
    `Requests to Node's server: ${counts(tally.requests)}.`,
    `Differences that are on the list: ${counts(tally.differences)}.`,
    ...(unseen.length === 0 ? [] : [`Not met: ${unseen.join(", ")}.`]),
    `${tally.cases} cases in ${seconds.toFixed(1)} s (${Math.round(tally.cases / seconds)} a second): ${failures} unexplained differences.`
  ].join("\n")
}

const versions = ({ since, until }: Difference): string =>
  [...(since === undefined ? [] : [`from ${since}`]), ...(until === undefined ? [] : [`before ${until}`])].join(", ") ||
  "any"

/** The list, as a table in Markdown. */
export const list = (): string =>
  [
    "| Difference | Why | Source | llhttp |",
    "| --- | --- | --- | --- |",
    ...everyDifference.map((one) => `| ${one.name} | ${one.reason} | ${one.source} | ${versions(one)} |`)
  ].join("\n")
