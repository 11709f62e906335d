/**
 * `HOTARU_TESTS=full` runs the long stories at their full length; without it they are as long as a busy machine of two
 * cores can bear.
 */
export const scaled = <A>(full: A, usual: A): A => (process.env["HOTARU_TESTS"] === "full" ? full : usual)
