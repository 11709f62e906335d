/** Where Node's client, not its parser, differs, and where interim answers and upgrades do. */
import type { Difference } from "../Difference.js"
import { valuesIn } from "../Difference.js"

const closing = /(\n(?:proxy-)?connection:[^\n]*)close/gi

const older = /(?<=^|\n)HTTP\/1\.0 1/g

export const clients: ReadonlyArray<Difference> = [
  {
    name: "CONNECT that is not a tunnel",
    reason:
      "Only a 2xx makes a tunnel; node:http takes every answer to CONNECT for one, interim and refusing ones too.",
    source: "RFC 9110 section 9.3.6",
    applies: ({ given, theirs }) => {
      if (given.method !== "CONNECT" || theirs.head === undefined) return false
      const { status } = theirs.head
      return (status < 200 || status >= 300) && status !== 101
    },
    // The refusal of CONNECT is read as what answers a GET; whether 2xx follows an interim answer is beyond the peer.
    without: ({ given, ours, theirs }) =>
      theirs.head!.status < 200 ? { theirs: ours } : { given: { ...given, method: "GET" }, reread: "theirs" }
  },
  {
    name: "an upgrade that nobody asked for",
    reason:
      "101 answers a request with Upgrade only; llhttp reads a 101 without Upgrade or Connection like any answer.",
    source: "RFC 9110 section 15.2.2",
    applies: ({ given, ours, theirs }) =>
      !given.upgrade && ours.refusal?.code === "UnexpectedUpgrade" && theirs.head?.status === 101,
    without: "nothing more to compare"
  },
  {
    name: "an upgrade without its fields",
    reason:
      "101 to a request with Upgrade ends HTTP on the connection, whatever it says; its fields are the caller's to judge.",
    source: "RFC 9110 section 15.2.2",
    applies: ({ given, ours, theirs }) =>
      given.upgrade &&
      ours.head?.status === 101 &&
      theirs.head?.status === 101 &&
      (valuesIn(ours.head, "upgrade").length === 0 ||
        !/(?:^|,)[ \t]*upgrade/i.test(valuesIn(ours.head, "connection").join(","))),
    without: "nothing more to compare"
  },
  {
    name: "Connection: close in an interim answer",
    reason:
      "The final answer is still to come, and is read; llhttp takes bytes behind this for bytes behind the last answer.",
    source: "RFC 9110 section 15.2",
    applies: ({ given, ours, theirs }) =>
      ours.interim.length > 0 &&
      theirs.refusal?.code === "HPE_CLOSED_CONNECTION" &&
      given.bytes.slice(0, theirs.refusal.at).search(closing) !== -1,
    without: ({ given, theirs }) => {
      const { at } = theirs.refusal!
      const bytes = `${given.bytes.slice(0, at).replace(closing, "$1clos_")}${given.bytes.slice(at)}`
      return { given: { ...given, bytes }, reread: "both" }
    }
  },
  {
    name: "an interim answer of HTTP/1.0",
    reason:
      "That version has none, but the final answer is still to come; llhttp takes its version for the end of the connection.",
    source: "RFC 9110 section 15.2",
    applies: ({ given, ours, theirs }) =>
      ours.interim.length > 0 &&
      theirs.refusal?.code === "HPE_CLOSED_CONNECTION" &&
      given.bytes.slice(0, theirs.refusal.at).search(older) !== -1,
    without: ({ given, theirs }) => {
      const { at } = theirs.refusal!
      const bytes = `${given.bytes.slice(0, at).replace(older, "HTTP/1.1 1")}${given.bytes.slice(at)}`
      return { given: { ...given, bytes }, reread: "both" }
    }
  }
]
