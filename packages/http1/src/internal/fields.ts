/**
 * Lists inside field values.
 */

/** RFC 9110 section 5.6.3: SP and HTAB. */
export const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

/** Whether a comma-separated list holds a token, in any case. `token` is in lower case. */
export const hasToken = (list: string, token: string): boolean => {
  if (list === token) return true
  if (list.length < token.length) return false
  const lower = list.toLowerCase()
  for (let start = 0; start <= lower.length; ) {
    const comma = lower.indexOf(",", start)
    const end = comma === -1 ? lower.length : comma
    if (trim(lower, start, end) === token) return true
    start = end + 1
  }
  return false
}

/** `String.trim` takes off more than a blank: 0xA0, for one. */
export const trim = (text: string, from = 0, to = text.length): string => {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/**
 * The whole number of `name=number` in a comma-separated list, the smallest if it is there twice, `undefined` if it is
 * not there or no plain number. Nine digits: a hint beyond that is no hint.
 */
export const numericParameter = (list: string, name: string): number | undefined => {
  let found: number | undefined
  for (const item of list.split(",")) {
    const equals = item.indexOf("=")
    if (equals === -1 || trim(item, 0, equals).toLowerCase() !== name) continue
    const value = plainNumber(trim(item, equals + 1))
    if (value !== undefined && (found === undefined || value < found)) found = value
  }
  return found
}

const plainNumber = (digits: string): number | undefined => {
  if (digits.length === 0 || digits.length > 9) return undefined
  let value = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value
}
