/** Figures as people read them. */

/** `3 requests`, `1 request`. */
export const plural = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count.toLocaleString("en")} ${count === 1 ? noun : plural}`

/** Milliseconds with three significant digits, seconds from ten seconds on. */
export const milliseconds = (ms: number): string => {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms >= 100) return `${Math.round(ms)} ms`
  return `${ms.toFixed(ms >= 10 ? 1 : 2)} ms`
}

export const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 1 ? 1 : 0)} %`

/** The value that a share `q` of all values does not exceed (nearest rank). 0 of nothing. */
export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0
}
