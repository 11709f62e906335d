/**
 * What each byte may be. One look-up answers what a regular expression would.
 */

/** RFC 9110 section 5.6.2: `tchar`. */
export const TOKEN = 1
/** RFC 9110 section 5.5: HTAB, SP, VCHAR, obs-text. */
export const VALUE = 2
/** VCHAR: 0x21 to 0x7E. */
export const VISIBLE = 4
/** RFC 3986 section 3.2.2: what a host may be written with, its port and its brackets included. */
export const HOST = 8
/** RFC 9110 section 5.6.4: `qdtext`. */
export const QUOTED = 16

/** The kinds of each code unit below 0x100. */
export const kinds: Uint8Array = new Uint8Array(256)

for (let code = 0; code < 256; code++) {
  if (code === 0x09 || (code >= 0x20 && code !== 0x7f)) {
    kinds[code]! |= VALUE
    if (code !== 0x22 && code !== 0x5c) kinds[code]! |= QUOTED
  }
  if (code > 0x20 && code < 0x7f) kinds[code]! |= VISIBLE
}

const mark = (characters: string, kind: number) => {
  for (let i = 0; i < characters.length; i++) kinds[characters.charCodeAt(i)]! |= kind
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
mark(`!#$%&'*+-.^_\`|~${alphanumeric}`, TOKEN)
mark(`-._~!$&'()*+,;=%:[]${alphanumeric}`, HOST)

/** The value of each hexadecimal digit, 255 for what is none. */
export const hexadecimal: Uint8Array = new Uint8Array(256).fill(255)
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  hexadecimal[digit.charCodeAt(0)] = value
  hexadecimal[digit.toUpperCase().charCodeAt(0)] = value
}

/** The index of the first code unit that is not of a kind, or -1. Code units above 0xFF are of no kind. */
export const firstOther = (text: string, kind: number): number => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0xff || (kinds[code]! & kind) === 0) return i
  }
  return -1
}

/** A byte as an error may show it. */
export const show = (byte: number): string => `0x${byte.toString(16).toUpperCase().padStart(2, "0")}`
