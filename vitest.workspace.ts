import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const root = fileURLToPath(new URL(".", import.meta.url))

/** One project for every folder that has tests, named like it: `--project pool`. */
const projects = [...readdirSync(`${root}packages`).map((name) => `packages/${name}`), "scripts"]
  .filter((folder) => existsSync(`${root}${folder}/test`))
  .map((folder) => ({
    extends: true as const,
    test: {
      name: folder.replace("packages/", ""),
      root: `${root}${folder}`
    }
  }))

export default defineConfig({
  test: {
    projects,
    include: ["test/**/*.test.ts"],
    // A test is a story under a test clock or on loopback: one that needs longer than this hangs.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 5_000,
    // A test left focused by accident must not make the others pass unseen.
    allowOnly: false,
    // Each test file has a process of its own: sockets and handles left open show where they belong.
    pool: "forks"
  }
})
