/** What the process of a measure tells the one that started it. */
import type { Finding } from "./findings.js"
import type { Table } from "./Report.js"

export type Message =
  | { readonly _tag: "Table"; readonly table: Table }
  | { readonly _tag: "Remark"; readonly line: string }
  /** The last. */
  | { readonly _tag: "Findings"; readonly findings: ReadonlyArray<Finding> }
