/**
 * A request's head, checked while it is written.
 */
import { parseContentLength } from "../Framing.js"
import type { BodyFraming, RequestHead, RequestHeadError } from "../RequestEncoder.js"
import { firstOther, HOST, show, TOKEN, VALUE, VISIBLE } from "./characters.js"
import { hasToken, trim } from "./fields.js"

export const encodeHead = (head: RequestHead): string | RequestHeadError => {
  const { framing, headers, method, target } = head
  const badMethod = method.length === 0 ? 0 : firstOther(method, TOKEN)
  if (badMethod !== -1) return refuse("method", "A method is a token", method, badMethod)
  const badTarget = target.length === 0 ? 0 : firstOther(target, VISIBLE)
  if (badTarget !== -1) return refuse("target", "A target is visible US-ASCII", target, badTarget)
  if (framing._tag === "Length" && !(Number.isSafeInteger(framing.length) && framing.length >= 0)) {
    return error("content-length", "A body's length is a whole number that can be counted exactly")
  }
  let host: string | undefined
  let fields = ""
  let declared = false
  let connection: string | undefined
  let te = false
  for (const name of Object.keys(headers)) {
    const value = headers[name]!
    const badName = name.length === 0 ? 0 : firstOther(name, TOKEN)
    if (badName !== -1) return refuse("header name", "A field's name is a token", name, badName)
    const badValue = firstOther(value, VALUE)
    if (badValue !== -1) return refuse("header value", "A field's value is one line of latin1", value, badValue, name)
    switch (special(name)) {
      case undefined:
        break
      case "host":
        if (host !== undefined) return error("host", "A request has one host", name)
        host = value
        continue
      case "content-length": {
        if (declared) return error("content-length", "A request has one length", name)
        const problem = lengthProblem(value, framing)
        if (problem !== undefined) return error("content-length", problem, name)
        declared = true
        continue
      }
      case "connection":
        if (!isConnection(value)) return error("forbidden header", "Only close and keep-alive may be asked for", name)
        connection = connection === undefined ? value : `${connection}, ${value}`
        continue
      case "te":
        if (value.toLowerCase() !== "trailers") return error("forbidden header", "Only trailers can be read", name)
        te = true
        break
      case "forbidden":
        return error("forbidden header", "This field is about the connection, which is not the caller's", name)
    }
    fields += `${name}: ${value}\r\n`
  }
  const hostValue = host ?? head.host
  if (hostValue !== lastHost) {
    const badHost = firstOther(hostValue, HOST)
    if (badHost !== -1) return refuse("host", "This may not be in a host", hostValue, badHost)
    if (!isHost(hostValue)) return error("host", "This is no host with an optional port")
    lastHost = hostValue
  }
  return `${method} ${target} HTTP/1.1\r\nHost: ${hostValue}\r\n${fields}${framingField(framing, declared)}${connectionField(
    connection,
    head.close,
    te
  )}\r\n`
}

/** Requests to one host follow each other: the last one that was found to be right. */
let lastHost: string | undefined

/** The names that mean something here; by length first, so that other names cost one look. */
const special = (name: string): "host" | "content-length" | "connection" | "te" | "forbidden" | undefined => {
  switch (name.length) {
    case 2:
      return name.toLowerCase() === "te" ? "te" : undefined
    case 4:
      return name.toLowerCase() === "host" ? "host" : undefined
    case 7:
      return name.toLowerCase() === "upgrade" ? "forbidden" : undefined
    case 10: {
      const lower = name.toLowerCase()
      return lower === "connection" ? "connection" : lower === "keep-alive" ? "forbidden" : undefined
    }
    case 14: {
      const lower = name.toLowerCase()
      return lower === "content-length" ? "content-length" : lower === "http2-settings" ? "forbidden" : undefined
    }
    case 16:
      return name.toLowerCase() === "proxy-connection" ? "forbidden" : undefined
    case 17:
      return name.toLowerCase() === "transfer-encoding" ? "forbidden" : undefined
    default:
      return undefined
  }
}

const lengthProblem = (value: string, framing: BodyFraming): string | undefined => {
  const length = parseContentLength(value)
  if (length === undefined) return "The length is no number that can be counted exactly"
  if (framing._tag === "Chunked") return "A chunked body declares no length"
  const actual = framing._tag === "Length" ? framing.length : 0
  return length === actual
    ? undefined
    : `The length is said to be ${length}, but the body has ${actual} ${actual === 1 ? "byte" : "bytes"}`
}

/** A list of nothing but `close` and `keep-alive`. */
const isConnection = (value: string): boolean => {
  for (const item of value.toLowerCase().split(",")) {
    const token = trim(item)
    if (token !== "close" && token !== "keep-alive") return false
  }
  return true
}

/** `uri-host [ ":" port ]` of characters that are known to be allowed: brackets around all of the host or nowhere, one colon. */
const isHost = (value: string): boolean => {
  let end = value.length
  if (value.charCodeAt(0) === 0x5b) {
    const close = value.indexOf("]")
    if (close < 3 || value.indexOf("[", 1) !== -1) return false
    end = close + 1
  } else {
    const colon = value.indexOf(":")
    if (colon !== -1) end = colon
    if (end === 0 || value.includes("[")) return false
  }
  if (value.indexOf("]", end) !== -1 || (end < value.length && value.charCodeAt(end) !== 0x3a)) return false
  for (let i = end + 1; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}

const framingField = (framing: BodyFraming, declared: boolean): string => {
  switch (framing._tag) {
    case "None":
      return declared ? "Content-Length: 0\r\n" : ""
    case "Length":
      return `Content-Length: ${framing.length}\r\n`
    case "Chunked":
      return "Transfer-Encoding: chunked\r\n"
  }
}

/** RFC 9110 section 10.1.4: whoever sends `TE` says so in `Connection`, or an intermediary would pass it on. */
const connectionField = (asked: string | undefined, close: boolean, te: boolean): string => {
  const closes = close || (asked !== undefined && hasToken(asked, "close"))
  if (closes) return te ? "Connection: close, TE\r\n" : "Connection: close\r\n"
  if (asked !== undefined) return te ? "Connection: keep-alive, TE\r\n" : "Connection: keep-alive\r\n"
  return te ? "Connection: TE\r\n" : ""
}

const error = (field: RequestHeadError["field"], problem: string, name?: string): RequestHeadError =>
  name === undefined ? { _tag: "RequestHeadError", field, problem } : { _tag: "RequestHeadError", field, name, problem }

/** Control characters and what latin1 cannot hold are named by their code; what else is wrong may be part of a secret. */
const refuse = (
  field: RequestHeadError["field"],
  rule: string,
  text: string,
  position: number,
  name?: string
): RequestHeadError => {
  if (text.length === 0) return { ...error(field, `${rule}, and never empty`, name), position }
  const code = text.charCodeAt(position)
  const what =
    code < 0x20 || code === 0x7f ? `, without ${show(code)}` : code > 0xff ? ", without code units above 0xFF" : ""
  return { ...error(field, `${rule}${what}`, name), position }
}
