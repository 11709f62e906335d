/**
 * Calls of what is not ours.
 */

/** If it throws, what would stay behind is ended before the defect goes on to the log. */
export const orElse = (theirs: () => void, ours: () => void): void => {
  try {
    theirs()
  } catch (defect) {
    ours()
    throw defect
  }
}
