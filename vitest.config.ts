import { defineConfig } from "vitest/config"

const project = (name: string, include: string) => ({ extends: true as const, test: { name, include: [include] } })

export default defineConfig({
  test: {
    globalSetup: ["scripts/vitest.setup.ts"],
    // Files own what they touch: they run side by side.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      project("house", "scripts/**/*.test.ts"),
      project("core", "packages/core/test/**/*.test.ts"),
      project("testkit", "packages/testkit/test/**/*.test.ts"),
      project("redis-live", "packages/redis-live/test/**/*.test.ts"),
      project("examples", "examples/**/*.test.ts")
    ]
  }
})
