import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const packagesDirectory = fileURLToPath(new URL("./packages", import.meta.url))

/** One project for every package that has tests, named like its folder: `--project pool`. */
const projects = readdirSync(packagesDirectory)
  .filter((name) => existsSync(`${packagesDirectory}/${name}/test`))
  .sort()
  .map((name) => ({
    extends: true as const,
    test: {
      name,
      root: `${packagesDirectory}/${name}`
    }
  }))

export default defineConfig({
  test: {
    projects,
    include: ["test/**/*.test.ts"],
    // A test is a story under a test clock or on loopback: one that needs longer than this hangs.
    testTimeout: 10_000,
    hookTimeout: 20_000,
    teardownTimeout: 5_000,
    // A test left focused by accident must not make the others pass unseen.
    allowOnly: false,
    // Each test file has a process of its own: sockets and handles left open show where they belong.
    pool: "forks"
  }
})
