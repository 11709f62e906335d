/**
 * The fixed part of a status line: `HTTP/1.1 200`.
 */
import type { Http1Error } from "../Http1Error.js"
import { make as refusal } from "../Http1Error.js"
import { show } from "./characters.js"

/** `HTTP/1.` */
const protocol = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e]

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

/** What is wrong with a byte at one of the first twelve places (RFC 9112 section 4), or `undefined`. */
export const statusLineProblem = (position: number, byte: number): Http1Error | undefined => {
  if (position < 7) {
    if (byte === protocol[position]) return undefined
    return position === 5 && isDigit(byte)
      ? unsupported(`The major version is ${String.fromCharCode(byte)}`)
      : malformed(`The answer does not start with HTTP/1.: ${show(byte)} at ${position}`)
  }
  if (position === 7) {
    if (byte === 0x30 || byte === 0x31) return undefined
    return isDigit(byte)
      ? unsupported(`The minor version is ${String.fromCharCode(byte)}`)
      : malformed(`The minor version is no digit but ${show(byte)}`)
  }
  if (position === 8)
    return byte === 0x20 ? undefined : malformed(`A space is due after the version, not ${show(byte)}`)
  return isDigit(byte) && !(position === 9 && byte === 0x30)
    ? undefined
    : malformed(`The status is no number from 100 to 999: ${show(byte)} at ${position}`)
}

const malformed = (problem: string): Http1Error =>
  refusal("MalformedStatusLine", problem, { section: "RFC 9112 section 4" })

const unsupported = (problem: string): Http1Error =>
  refusal("UnsupportedVersion", problem, { section: "RFC 9112 section 2.3" })
