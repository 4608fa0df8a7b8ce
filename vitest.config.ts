import { defineConfig } from "vitest/config"

const project = (name: string, include: string, options = {}) => ({
  extends: true as const,
  test: { name, include: [include], ...options }
})

export default defineConfig({
  test: {
    globalSetup: ["scripts/vitest.setup.ts"],
    // Files own what they touch: they run side by side.
    maxWorkers: 2,
    // What hangs is ended; what is slow, beside others on the machine, is not.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      project("house", "scripts/**/*.test.ts"),
      project("core", "packages/core/test/**/*.test.ts"),
      project("testkit", "packages/testkit/test/**/*.test.ts"),
      project("redis-live", "packages/redis-live/test/**/*.test.ts"),
      // Programs that are started, one after another, and a browser: beside others each takes ten seconds to be there.
      project("examples", "examples/**/*.test.ts", { testTimeout: 180_000 })
    ]
  }
})
