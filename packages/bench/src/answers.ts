/** What the responder answers, as both sides know it: paths, and the bodies behind them. */

export const small = { path: "/small", text: '{"id":12345,"name":"hotaru","ok":true}' } as const

/** As many bytes, by {@link byteAt}. */
export const bytes = (count: number): string => `/bytes/${count}`

/** The byte at this place of a body: a prime's remainder, so that no power of two hides a gap. */
export const byteAt = (place: number): number => place % 251

export const filled = (count: number): Buffer => {
  const buffer = Buffer.allocUnsafeSlow(count)
  for (let i = 0; i < count; i++) buffer[i] = byteAt(i)
  return buffer
}

/** A small answer behind as many header fields. */
export const headers = (count: number): string => `/headers/${count}`

export const header = (at: number): readonly [name: string, value: string] => [
  `x-field-${at}`,
  `the value of field ${at}, of an ordinary length`
]

/** Answers a document of about 1 KiB, whatever it was sent. */
export const echo = "/echo"

export interface Order {
  readonly id: number
  readonly customer: string
  readonly paid: boolean
  readonly items: ReadonlyArray<{ readonly sku: string; readonly title: string; readonly quantity: number }>
}

export const order: Order = {
  id: 12345,
  customer: "Hotaru Trading Company",
  paid: true,
  items: Array.from({ length: 16 }, (_, i) => ({
    sku: `SKU-${1000 + i}`,
    title: `lantern number ${i + 1}`,
    quantity: i
  }))
}

/** Counts the bytes of the request's body. */
export const upload = "/upload"

export const counted = (count: number): string => `{"bytes":${count}}`
