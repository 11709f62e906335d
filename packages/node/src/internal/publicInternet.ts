/**
 * Whether an address is one of the public internet.
 *
 * @internal
 */
import { type AddressBytes, bytesOf, textOf } from "./addressBlocks.js"
import { hiddenIn } from "./hiddenAddresses.js"
import { inWords, specialOfAddress } from "./specialAddresses.js"

/** Why it is not; undefined: it is. What is no address is not. */
export const whyNotPublic = (address: string): string | undefined => {
  const bytes = bytesOf(address)
  if (bytes === undefined) return "it is not an IP address"
  const special = specialOfAddress(bytes)
  if (special?.reachable === false) return inWords(special)
  for (const { address: inside, form } of hiddenIn(bytes)) {
    const why = whyNotGlobal(inside)
    if (why !== undefined) return `${form} of ${textOf(inside)}: ${why}`
  }
  return undefined
}

const whyNotGlobal = (bytes: AddressBytes): string | undefined => {
  const special = specialOfAddress(bytes)
  return special === undefined || special.reachable === true ? undefined : inWords(special)
}
