import { existsSync, readdirSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const root = fileURLToPath(new URL(".", import.meta.url))

/**
 * Projects that open no sockets and start no processes: their files share a process, which saves loading Effect for
 * each. What a file leaves behind there is a defect that the next one shows.
 */
const pure = new Set(["http1", "pool", "client", "testing"])

/** One project for every folder that has tests, named like it: `--project pool`. */
const projects = [...readdirSync(`${root}packages`).map((name) => `packages/${name}`), "scripts"]
  .filter((folder) => existsSync(`${root}${folder}/test`))
  .map((folder) => ({
    extends: true as const,
    test: {
      name: folder.replace("packages/", ""),
      root: `${root}${folder}`,
      poolOptions: { forks: { isolate: !pure.has(folder.replace("packages/", "")) } }
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
    // Each test file of the others has a process of its own: sockets and handles left open show where they belong.
    pool: "forks",
    // Vitest leaves one core to itself: of two, half the machine would stand idle.
    poolOptions: { forks: { maxForks: Math.max(availableParallelism(), 2) } }
  }
})
