/** Mistakes in how tasks come back, one at least for each of TaskRecoveryLaws. */
import type { Mutant } from "./Mutant.ts"

const everywhere = ["memory", "redis", "cluster"] as const
const servers = ["redis", "cluster"] as const
const core = (name: string): string => `packages/core/src/internal/tasks/${name}.ts`
const desk = (name: string): string => `packages/testkit/src/internal/desk/${name}.ts`
const part = (name: string): string => `packages/redis-live/lua/TaskQueue/parts/${name}.lua`

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "what a beat leaves behind waits for the next",
    law: "allOfACrashedPeersTasksComeBackInTime",
    file: core("Pulse"),
    find: "answers[i]!.isMore && this",
    replace: "!answers[i]!.isMore && !this",
    worlds: everywhere
  },
  {
    name: "a beat says nothing of what it leaves behind",
    law: "allOfACrashedPeersTasksComeBackInTime",
    file: desk("Beats"),
    find: "return count === maxReaped",
    replace: "return count > maxReaped"
  },
  {
    name: "the script says nothing of what it leaves behind",
    law: "allOfACrashedPeersTasksComeBackInTime",
    file: part("reap"),
    find: "return left == 0",
    replace: "return left < 0",
    worlds: servers
  }
]
