/**
 * What a peer speaks that does not speak HTTP, by the first bytes that it sent.
 *
 * @internal
 */

/** Bytes that are looked at, and shown. */
export const sampleSize = 40

/** Each with how such a peer begins, as it is shown: `\x15` is one byte. */
const impostors: ReadonlyArray<readonly [begins: RegExp, speaks: string]> = [
  // An alert, or a handshake (RFC 8446 section 5.1).
  [/^\\x1[56]\\x03/, "perhaps it speaks TLS on this port, and the URL has to begin with https"],
  // A frame of type SETTINGS or GOAWAY on stream 0, with which a server begins or ends (RFC 9113 sections 3.4 and 6.8).
  [/^\\x00.{1,8}?\\x0[47]\\x00(?:\\x00){4}/, "perhaps it speaks HTTP/2 only on this port"],
  [/^SSH-/, "perhaps it speaks SSH on this port"],
  [/^220[ -]/, "perhaps it speaks SMTP or FTP on this port"],
  [/^[45]\d\d[ -]/, "perhaps it speaks SMTP or FTP on this port"],
  [/^\+OK/, "perhaps it speaks POP3 or Redis on this port"],
  [/^-(ERR|DENIED|NOAUTH)/, "perhaps it speaks Redis or POP3 on this port"],
  [/^\* OK/, "perhaps it speaks IMAP on this port"],
  [/^.{1,4}\\x00\\x00\\x00\\n\d/, "perhaps it speaks MySQL on this port"],
  [/^RFB \d/, "perhaps it speaks VNC on this port"],
  [/^RTSP\//, "perhaps it speaks RTSP on this port"],
  [/^(?: |\\[rn])*</, "perhaps it answers with plain HTML or XML, without a status line"],
  [/^(?: |\\[rn])*[[{]/, "perhaps it answers with plain JSON, without a status line"]
]

const unknown = "perhaps it speaks another protocol on this port, such as SMTP, TLS or HTTP/2"

/** A character for a byte, no more than are looked at. */
export const sampleOf = (bytes: Uint8Array): string => {
  let sample = ""
  for (let i = 0; i < bytes.length && i < sampleSize; i++) sample += String.fromCharCode(bytes[i]!)
  return sample
}

/** What was received, on one line and in ASCII, and what it may be. */
export const described = (sample: string): string => {
  let shown = ""
  for (const character of sample.slice(0, sampleSize)) {
    const code = character.charCodeAt(0)
    if (character === "\r") shown += "\\r"
    else if (character === "\n") shown += "\\n"
    else if (character === '"' || character === "\\") shown += `\\${character}`
    else if (code >= 0x20 && code < 0x7f) shown += character
    else shown += `\\x${code.toString(16).toUpperCase().padStart(2, "0")}`
  }
  const speaks = impostors.find(([begins]) => begins.test(shown))?.[1] ?? unknown
  return `the peer's first bytes are "${shown}"; ${speaks}`
}
