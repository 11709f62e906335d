/** Blocks of a page that a command writes, each between `<!-- table: NAME -->` and `<!-- end -->`. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** Blocks that the page does not have, or has without an end. */
export class BlockMissing extends Data.TaggedError("BlockMissing")<{ readonly name: string }> {
  override get message(): string {
    return `The page has no block <!-- table: ${this.name} --> … <!-- end -->.`
  }
}

// A block holds no other: its end is the next one, and no beginning lies between.
const pattern = /(<!-- table: ([^>]+?) -->\n)((?:(?!<!-- table: )[\s\S])*?)(<!-- end -->)/g

/** What the blocks are called, in their order. */
export const names = (page: string): ReadonlyArray<string> => [...page.matchAll(pattern)].map(([, , name]) => name!)

/** The page with these texts in its blocks; the others stay as they are. Prettier's kind of Markdown: an empty line around. */
export const fill = (page: string, texts: ReadonlyMap<string, string>): Effect.Effect<string, BlockMissing> =>
  Effect.suspend(() => {
    const there = new Set(names(page))
    for (const name of texts.keys()) if (!there.has(name)) return new BlockMissing({ name })
    const filled = page.replace(pattern, (whole, begin: string, name: string, _, end: string) => {
      const text = texts.get(name)
      return text === undefined ? whole : `${begin}\n${text}\n\n${end}`
    })
    return Effect.succeed(filled)
  })
