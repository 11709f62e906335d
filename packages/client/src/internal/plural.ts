/**
 * Counts in messages.
 *
 * @internal
 */

/** `1 byte`, `2 bytes`; a plural that adds more than an "s" is given. */
export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`

/** How many bytes of a request were given to its connection, as part of a sentence. */
export const written = (bytes: number): string =>
  bytes === 0
    ? "nothing of the request was written"
    : `${count(bytes, "byte")} of the request ${bytes === 1 ? "was" : "were"} written`
