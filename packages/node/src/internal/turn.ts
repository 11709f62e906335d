/**
 * Turns of the event loop.
 *
 * @internal
 */

let asking: Array<() => void> | undefined

/**
 * Calls back once the loop has polled for input since now. From an I/O callback one immediate runs before the next
 * poll, so two nested ones are needed; they are ref'd, or a process with nothing else to do would end before. All who
 * ask in the same iteration share them.
 */
export const onTurn = (resume: () => void): void => {
  if (asking === undefined) {
    asking = []
    setImmediate(poll)
  }
  asking.push(resume)
}

const poll = (): void => {
  const asked = asking
  // Who asks from here on needs a poll of its own.
  asking = undefined
  if (asked !== undefined) setImmediate(tell, asked)
}

const tell = (asked: ReadonlyArray<() => void>): void => {
  for (const resume of asked) {
    try {
      resume()
    } catch (defect) {
      // The others must be told all the same; the defect stays visible.
      setImmediate(rethrow, defect)
    }
  }
}

const rethrow = (defect: unknown): void => {
  throw defect
}
