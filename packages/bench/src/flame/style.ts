/** The colours of a picture, light and dark: what is ours is warm, Effect is blue, Node.js is green, what is no JavaScript is grey. */
import { names, type Owner } from "./owners.js"

interface Colours {
  readonly background: string
  readonly text: string
  /** Of words that explain. */
  readonly faint: string
  readonly owners: Readonly<Record<Owner, string>>
}

const light: Colours = {
  background: "#ffffff",
  text: "#1f2328",
  faint: "#59636e",
  owners: {
    client: "#ffd866",
    http1: "#f7b267",
    pool: "#f4937c",
    node: "#f0a6ca",
    effect: "#9ec5fe",
    platform: "#a5e3ee",
    runtime: "#a3d9a5",
    native: "#ccd1d8",
    gc: "#b8a999",
    measurement: "#e6e8eb",
    other: "#d3c4ef"
  }
}

const dark: Colours = {
  background: "#0d1117",
  text: "#f0f6fc",
  faint: "#9198a1",
  owners: {
    client: "#806000",
    http1: "#94520f",
    pool: "#9b3a26",
    node: "#8b3566",
    effect: "#2b5797",
    platform: "#17697a",
    runtime: "#2a6e37",
    native: "#4d5661",
    gc: "#66543f",
    measurement: "#2f363e",
    other: "#5b4694"
  }
}

const rules = ({ background, faint, owners, text }: Colours): string =>
  [
    `.page { fill: ${background}; }`,
    `text { fill: ${text}; }`,
    `.faint { fill: ${faint}; }`,
    `rect { stroke: ${background}; }`,
    ...names.map((owner) => `.${owner} { fill: ${owners[owner]}; }`)
  ].join(" ")

/** The whole style sheet. */
export const style = [
  "text { font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }",
  ".words, .title { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }",
  ".words { font-size: 12px; } .title { font-size: 16px; font-weight: 600; } .number { text-anchor: end; }",
  "rect { stroke-width: 0.5; }",
  rules(light),
  `@media (prefers-color-scheme: dark) { ${rules(dark)} }`
].join("\n")
