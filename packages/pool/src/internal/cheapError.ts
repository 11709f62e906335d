/**
 * Refusals under overload are the path that must cost least, and capturing a stack is most of an error's cost. Their
 * stack would only ever show the pool's own decision core.
 */
export const cheaply = <E extends Error>(make: () => E): E => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = limit
  }
}
