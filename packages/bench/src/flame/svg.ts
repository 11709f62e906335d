/**
 * The picture: one file without scripts or anything from elsewhere, readable in light and dark. A frame's name, place
 * and time are what a browser shows of it when it is pointed at.
 */
import { type Box, layout } from "./layout.js"
import { owners } from "./owners.js"
import { style } from "./style.js"
import { byOwner, type Frame, total } from "./tree.js"

export interface Picture {
  readonly title: string
  /** Lines that say how it was made. */
  readonly notes: ReadonlyArray<string>
  readonly all: Frame
}

const width = 1000
const margin = 12
const row = 17
const columns = 3
/** A frame of fewer pixels is left out: it could not be told from its neighbours. */
const least = 3
/** No name is wider than so many times its letters, in any of the fonts. */
const letter = 6.7

const unsafe: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

/** Text for XML, in which control characters cannot be said at all. */
export const escaped = (text: string): string =>
  text.replace(/\p{Cc}/gu, " ").replace(/[&<>"]/g, (character) => unsafe[character]!)

const px = (value: number): string => String(Math.round(value * 100) / 100)

const microseconds = (value: number): string => `${value.toFixed(2)} µs`
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** As much of the name as there is room for; with the time behind it if that fits too; nothing if it would tell nothing. */
const label = ({ frame: { name }, total, width }: Box): string => {
  const room = Math.floor((width - 6) / letter)
  const whole = `${name} ${microseconds(total)}`
  if (whole.length <= room) return whole
  if (name.length <= room) return name
  return room < 4 ? "" : `${name.slice(0, room - 1)}…`
}

const box = (it: Box, top: number, whole: number): string => {
  const { depth, frame, total, width, x } = it
  const y = top + depth * row
  const self = frame.self > 0 ? `, ${microseconds(frame.self)} in itself` : ""
  const tip = [
    frame.name,
    depth === 0 ? undefined : [owners[frame.owner], frame.place].filter((one) => one !== undefined).join(", "),
    `${microseconds(total)} (${percent(total / whole)})${self}`
  ]
  const text = label(it)
  return [
    `<g><title>${tip
      .filter((line) => line !== undefined)
      .map(escaped)
      .join("&#10;")}</title>`,
    `<rect class="${depth === 0 ? "page" : frame.owner}" x="${px(margin + x)}" y="${y}" width="${px(width)}" height="${row}"/>`,
    text === "" ? "" : `<text x="${px(margin + x + 3)}" y="${y + 12}">${escaped(text)}</text>`,
    "</g>"
  ].join("")
}

/** Owner by owner: colour, name, time and share. */
const legend = (all: Frame, top: number): { readonly text: string; readonly height: number } => {
  const sums = byOwner(all)
  const whole = total(all)
  const each = (width - 2 * margin) / columns
  const rows = Math.ceil(sums.length / columns)
  const text = sums.map(({ owner, self }, at) => {
    const x = margin + Math.floor(at / rows) * each
    const y = top + (at % rows) * row
    const end = x + each - 24
    return [
      `<rect class="${owner}" x="${px(x)}" y="${y}" width="12" height="12"/>`,
      `<text class="words" x="${px(x + 18)}" y="${y + 10}">${escaped(owners[owner])}</text>`,
      `<text class="number" x="${px(end - 54)}" y="${y + 10}">${microseconds(self)}</text>`,
      `<text class="number" x="${px(end)}" y="${y + 10}">${percent(self / whole)}</text>`
    ].join("")
  })
  return { text: text.join("\n"), height: rows * row }
}

/** The share of the whole below which a frame is left out. */
export const leastShare = percent(least / (width - 2 * margin))

export const svg = ({ all, notes, title }: Picture): string => {
  const boxes = layout(all, width - 2 * margin, least)
  const whole = total(all)
  const lines = notes.map(
    (note, at) => `<text class="words faint" x="${margin}" y="${44 + at * 16}">${escaped(note)}</text>`
  )
  const { height, text } = legend(all, 40 + notes.length * 16)
  const top = 40 + notes.length * 16 + height + 10
  const bottom = top + (Math.max(...boxes.map(({ depth }) => depth)) + 1) * row + margin
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom}" width="${width}" height="${bottom}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(notes.join(" "))}</desc>`,
    `<style>${style}</style>`,
    `<rect class="page" width="${width}" height="${bottom}"/>`,
    `<text class="title" x="${margin}" y="24">${escaped(title)}</text>`,
    ...lines,
    text,
    ...boxes.map((one) => box(one, top, whole)),
    "</svg>",
    ""
  ].join("\n")
}
