import { defineConfig } from "vitest/config"

const project = (name: string, include: string, more: { readonly testTimeout?: number } = {}) => ({
  extends: true as const,
  test: { name, include: [include], ...more }
})

export default defineConfig({
  test: {
    globalSetup: ["scripts/vitest.setup.ts"],
    // Files own what they touch: they run side by side.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      project("house", "scripts/**/*.test.ts"),
      project("core", "packages/core/test/**/*.test.ts"),
      project("testkit", "packages/testkit/test/**/*.test.ts"),
      project("redis-live", "packages/redis-live/test/**/*.test.ts"),
      // Programs are started, and browsers: of a test many steps wait for another process.
      project("examples", "examples/**/*.test.ts", { testTimeout: 180_000 })
    ]
  }
})
