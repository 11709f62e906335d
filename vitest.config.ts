// Plain `npx vitest` and editors look for this name; the configuration itself is in vitest.workspace.ts.
export { default } from "./vitest.workspace.js"
