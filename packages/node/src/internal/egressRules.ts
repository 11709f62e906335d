/**
 * A policy of rules: what they match.
 *
 * @internal
 */
import * as Path from "node:path"
import * as ConnectionKey from "@hotaru/pool/ConnectionKey"
import * as Options from "@hotaru/pool/Options"
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import type { Destination, EgressPolicyShape, Rule, Rules } from "../EgressPolicy.js"
import { type AddressBytes, type Block, blockOf, bytesOf, contains, formatBlock, networkOf } from "./addressBlocks.js"
import { hiddenIn } from "./hiddenAddresses.js"
import { withoutDot } from "./tlsIdentity.js"

/** A destination with all that a rule may look at. */
interface Looked {
  readonly destination: Destination
  readonly host: string
  readonly address: AddressBytes | undefined
  /** The address, and all that it hides. */
  readonly addresses: ReadonlyArray<AddressBytes>
}

type Matches = (looked: Looked) => boolean

interface Compiled {
  readonly matches: Matches
  readonly description: string
}

type Side = "allow" | "deny"

const allowed = { _tag: "Allowed" } as const
const denied = (rule: string) => ({ _tag: "Denied", rule }) as const

/** Throws an `InvalidPoolConfig`. */
export const compile = (rules: Rules): EgressPolicyShape => {
  Options.check(rules, { at: "egress", names: ["allow", "deny", "label"], guards: ["allow", "deny"] })
  const { allow, deny = [], label = "rules" } = rules
  const denying = deny.map((rule, i) => compileRule(rule, "deny", i))
  const allowing = allow?.map((rule, i) => compileRule(rule, "allow", i))
  return {
    label,
    judge: (destination) => {
      const looked = look(destination)
      if (destination._tag === "Address" && looked.address === undefined) return denied("it is not an IP address")
      const denier = denying.find(({ matches }) => matches(looked))
      if (denier !== undefined) return denied(denier.description)
      if (allowing === undefined || allowing.some(({ matches }) => matches(looked))) return allowed
      return denied("no rule allows it")
    }
  }
}

const look = (destination: Destination): Looked => {
  const address = destination._tag === "Address" ? bytesOf(destination.address) : undefined
  const addresses = address === undefined ? [] : [address, ...hiddenIn(address).map((hidden) => hidden.address)]
  return { destination, host: withoutDot(destination.host), address, addresses }
}

const compileRule = (rule: Rule, side: Side, index: number): Compiled => {
  const conditions = ["host", "port", "cidr", "socketPath"]
  // A condition that did not arrive would make the rule match more than it says.
  Options.check(rule, { at: `egress.${side}[${index}]`, names: [...conditions, "label"], guards: conditions })
  const at = (field: string) => `egress.${side}[${index}].${field}`
  const parts: Array<readonly [name: string, values: ReadonlyArray<string>, matches: Matches]> = []
  const add = <A>(
    name: "host" | "port" | "cidr" | "socketPath",
    given: A | ReadonlyArray<A> | undefined,
    matcher: (value: A, field: string) => Matches
  ) => {
    if (given === undefined) return
    const values = (Array.isArray(given) ? given : [given]) as ReadonlyArray<A>
    if (values.length === 0) throw refused(at(name), "an empty list", "left out, or at least one value")
    const matchers = values.map((value) => matcher(value, at(name)))
    parts.push([name, values.map(String), (looked) => matchers.some((matches) => matches(looked))])
  }
  add("host", rule.host, hostMatcher)
  add("port", rule.port, portMatcher)
  add("cidr", rule.cidr, side === "deny" ? wideMatcher : narrowMatcher)
  add("socketPath", rule.socketPath, side === "deny" ? widePathMatcher : narrowPathMatcher)
  if (parts.length === 0) throw refused(`egress.${side}[${index}]`, "an empty rule", "a rule that says what it matches")
  if (rule.socketPath !== undefined && parts.length > 1)
    throw refused(at("socketPath"), "given beside others", "the only field of its rule")
  const about = rule.socketPath === undefined ? "Address" : "Socket"
  return {
    matches: (looked) => looked.destination._tag === about && parts.every(([, , matches]) => matches(looked)),
    description: rule.label ?? `${side} ${parts.map(([name, values]) => `${name} ${values.join(" or ")}`).join(", ")}`
  }
}

const hostMatcher = (pattern: string, field: string): Matches => {
  if (typeof pattern !== "string") throw refused(field, pattern, "a host, or *. and a host")
  if (!pattern.startsWith("*.")) {
    const wanted = hostOf(pattern, pattern, field)
    return ({ host }) => host === wanted
  }
  const suffix = hostOf(pattern.slice(2), pattern, field)
  if (bytesOf(suffix) !== undefined) throw refused(field, pattern, "*. and the end of a name; addresses have none")
  return ({ host }) => host.endsWith(`.${suffix}`)
}

/** In the spelling of keys. */
const hostOf = (host: string, pattern: string, field: string): string => {
  try {
    const parsed = withoutDot(ConnectionKey.make({ host, port: 1, useTls: false }).host)
    if (parsed !== "" && !parsed.includes("*")) return parsed
  } catch {
    // What is no host is refused below, under its own name.
  }
  throw refused(field, pattern, "a host, or *. and a host")
}

const portMatcher = (ports: number | string, field: string): Matches => {
  const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(ports))
  const [first, last] = [Number(range?.[1]), Number(range?.[2] ?? range?.[1])]
  if (!(first >= 1 && first <= last && last <= 65535))
    throw refused(field, ports, 'a port from 1 to 65535, or a range such as "8000-8999"')
  return ({ destination: { port } }) => port >= first && port <= last
}

const blockFrom = (text: string, field: string): Block => {
  const block = typeof text === "string" ? blockOf(text) : undefined
  if (block === undefined) throw refused(field, text, "an IP address, or a block such as 10.0.0.0/8 or fd00::/8")
  const network = { ...block, bytes: networkOf(block) }
  // A slip of the pen either in the address or in the length: nobody knows which.
  if (block.bytes.some((byte, i) => byte !== network.bytes[i]))
    throw refused(field, text, `the first address of its block, as in ${formatBlock(network)}`)
  return block
}

const narrowMatcher = (text: string, field: string): Matches => {
  const block = blockFrom(text, field)
  return ({ address }) => address !== undefined && contains(block, address)
}

const wideMatcher = (text: string, field: string): Matches => {
  const block = blockFrom(text, field)
  return ({ addresses }) => addresses.some((address) => contains(block, address))
}

/** Abstract sockets of Linux and pipes of Windows are names, in which no segment means anything. */
const isName = (path: string): boolean => path.startsWith("\0") || path.startsWith("\\\\")

const plainly = (path: string): string => (isName(path) ? path : Path.resolve(path))

const pathMatcher = (pattern: string, field: string): ((path: string) => boolean) => {
  const isBelow = typeof pattern === "string" && pattern.endsWith("/")
  const bare = isBelow && pattern !== "/" ? pattern.slice(0, -1) : pattern
  if (typeof pattern !== "string" || bare === "" || plainly(bare) !== bare)
    throw refused(field, pattern, "an absolute path without . or .. in it")
  return isBelow ? (path) => path.startsWith(pattern) : (path) => path === pattern
}

/** A path with `..` in it means what the system makes of links on the way: no rule allows it. */
const narrowPathMatcher = (pattern: string, field: string): Matches => {
  const matches = pathMatcher(pattern, field)
  return ({ destination }) =>
    destination._tag === "Socket" && plainly(destination.path) === destination.path && matches(destination.path)
}

const widePathMatcher = (pattern: string, field: string): Matches => {
  const matches = pathMatcher(pattern, field)
  return ({ destination }) =>
    destination._tag === "Socket" && (matches(destination.path) || matches(plainly(destination.path)))
}

const refused = (field: string, value: unknown, expected: string) => new InvalidPoolConfig({ field, value, expected })
