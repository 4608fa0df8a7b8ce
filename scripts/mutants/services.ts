/** Which services have laws, where these stand, and the mistakes that they must notice. */
import type { Mutant } from "../../packages/testkit/test/mutants/Mutant.ts"
import { mutants as caches } from "../../packages/testkit/test/mutants/Cache.ts"
import { mutants as cacheLoads } from "../../packages/testkit/test/mutants/CacheLoads.ts"
import { mutants as cacheNear } from "../../packages/testkit/test/mutants/CacheNear.ts"
import { mutants as cacheLocks } from "../../packages/testkit/test/mutants/CacheLocks.ts"
import { mutants as cacheRaces } from "../../packages/testkit/test/mutants/CacheRaces.ts"
import { mutants as cacheScripts } from "../../packages/testkit/test/mutants/CacheScripts.ts"
import { mutants as cacheTags } from "../../packages/testkit/test/mutants/CacheTags.ts"
import { mutants as chat } from "../../packages/testkit/test/mutants/Chat.ts"
import { mutants as chatGhosts } from "../../packages/testkit/test/mutants/ChatGhosts.ts"
import { mutants as chatMiddleware } from "../../packages/testkit/test/mutants/ChatMiddleware.ts"
import { mutants as chatPolls } from "../../packages/testkit/test/mutants/ChatPolls.ts"
import { mutants as chatPresence } from "../../packages/testkit/test/mutants/ChatPresence.ts"
import { mutants as chatScripts } from "../../packages/testkit/test/mutants/ChatScripts.ts"
import { mutants as chatWords } from "../../packages/testkit/test/mutants/ChatWords.ts"
import { mutants as leaders } from "../../packages/testkit/test/mutants/Leadership.ts"
import { mutants as mailboxes } from "../../packages/testkit/test/mutants/Mailbox.ts"
import { mutants as mailboxScripts } from "../../packages/testkit/test/mutants/MailboxScripts.ts"
import { mutants as mailboxWaits } from "../../packages/testkit/test/mutants/MailboxWaits.ts"
import { mutants as peers } from "../../packages/testkit/test/mutants/PeerRegistry.ts"
import { mutants as pubsub } from "../../packages/testkit/test/mutants/PubSub.ts"
import { mutants as stats } from "../../packages/testkit/test/mutants/Stats.ts"
import { mutants as statsReading } from "../../packages/testkit/test/mutants/StatsReading.ts"
import { mutants as statsScripts } from "../../packages/testkit/test/mutants/StatsScripts.ts"
import { mutants as events } from "../../packages/testkit/test/mutants/TaskEvent.ts"
import { mutants as limits } from "../../packages/testkit/test/mutants/TaskLimit.ts"
import { mutants as outcomes } from "../../packages/testkit/test/mutants/TaskOutcome.ts"
import { mutants as recoveries } from "../../packages/testkit/test/mutants/TaskRecovery.ts"
import { mutants as tasks } from "../../packages/testkit/test/mutants/TaskQueue.ts"
import { mutants as taskScripts } from "../../packages/testkit/test/mutants/TaskQueueScripts.ts"
import { mutants as schedules } from "../../packages/testkit/test/mutants/TaskSchedule.ts"

export interface Laws {
  /** From the repository's root. */
  readonly files: ReadonlyArray<string>
  readonly mutants: ReadonlyArray<Mutant>
}

const laws = (name: string): string => `packages/testkit/src/laws/${name}.ts`

export const services: Readonly<Record<string, Laws>> = {
  Cache: {
    files: [
      laws("CacheLaws"),
      laws("CacheLoadLaws"),
      laws("CacheLockLaws"),
      laws("CacheTagLaws"),
      laws("CacheRaceLaws"),
      laws("CacheNearLaws")
    ],
    mutants: [...caches, ...cacheLoads, ...cacheLocks, ...cacheRaces, ...cacheNear, ...cacheTags, ...cacheScripts]
  },
  Chat: {
    files: [
      laws("ChatLaws"),
      laws("ChatWordLaws"),
      laws("ChatPresenceLaws"),
      laws("ChatGraceLaws"),
      laws("ChatGhostLaws"),
      laws("ChatMiddlewareLaws"),
      laws("ChatPollLaws")
    ],
    mutants: [...chat, ...chatWords, ...chatPresence, ...chatGhosts, ...chatMiddleware, ...chatPolls, ...chatScripts]
  },
  Mailbox: {
    files: [laws("MailboxLaws"), laws("MailboxWaitLaws")],
    mutants: [...mailboxes, ...mailboxWaits, ...mailboxScripts]
  },
  PeerRegistry: {
    files: [laws("PeerRegistryLaws"), laws("PeerRegistryStoreLaws"), laws("LeadershipLaws")],
    mutants: [...peers, ...leaders]
  },
  PubSub: { files: [laws("PubSubLaws"), laws("HistoryLaws")], mutants: pubsub },
  Stats: {
    files: [laws("StatsLaws"), laws("StatsReadingLaws")],
    mutants: [...stats, ...statsReading, ...statsScripts]
  },
  TaskQueue: {
    files: [
      laws("TaskQueueLaws"),
      laws("TaskQueueStoreLaws"),
      laws("TaskOrderLaws"),
      laws("TaskOutcomeLaws"),
      laws("TaskLimitLaws"),
      laws("TaskRecoveryLaws"),
      laws("TaskScheduleLaws"),
      laws("TaskEventLaws")
    ],
    mutants: [...tasks, ...outcomes, ...limits, ...recoveries, ...schedules, ...events, ...taskScripts]
  }
}
