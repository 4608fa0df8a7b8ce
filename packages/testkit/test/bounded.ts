import type * as TaskQueue from "@troupe/core/TaskQueue"

/** Bounds of a TaskQueue that its laws can reach. */
export const bounded: TaskQueue.Options = { maxLength: 1_000, deadLetters: { capacity: 50, timeToLive: "14 days" } }
