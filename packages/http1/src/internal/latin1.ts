/**
 * Bytes to text, one code unit a byte.
 *
 * `TextDecoder("latin1")` will not do: by the WHATWG's encoding standard that is windows-1252.
 */

type Latin1Slice = (this: Uint8Array, start: number, end: number) => string

/** Node's own, which works on any `Uint8Array` and is the fastest there is; not imported, so that no Node is needed. */
const native: Latin1Slice | undefined = (
  globalThis as {
    readonly Buffer?: { readonly prototype?: { readonly latin1Slice?: Latin1Slice } }
  }
).Buffer?.prototype?.latin1Slice

/** As many arguments as every engine takes. */
const step = 4096

/** For engines without it. */
export const portable = (bytes: Uint8Array, start: number, end: number): string => {
  let text = ""
  for (let from = start; from < end; from += step) {
    text += String.fromCharCode.apply(
      null,
      bytes.subarray(from, Math.min(from + step, end)) as unknown as Array<number>
    )
  }
  return text
}

export const decode: (bytes: Uint8Array, start: number, end: number) => string =
  native === undefined ? portable : (bytes, start, end) => native.call(bytes, start, end)
