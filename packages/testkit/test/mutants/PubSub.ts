/** Mistakes in PubSub: in the policy above the store, in the memory store, in the scripts. One at least for every law. */
import type { Mutant } from "./Mutant.ts"

const batcher = "packages/core/src/internal/Batcher.ts"
const hub = "packages/core/src/internal/pubsub/Hub.ts"
const limits = "packages/core/src/internal/pubsub/Limits.ts"
const text = "packages/core/src/internal/Text.ts"
const publisher = "packages/core/src/internal/pubsub/Publisher.ts"
const pubsub = "packages/core/src/PubSub.ts"
const subscriber = "packages/core/src/internal/pubsub/Subscriber.ts"
const topic = "packages/core/src/internal/pubsub/Topic.ts"
const channels = "packages/testkit/src/internal/memory/Channels.ts"
const log = "packages/testkit/src/internal/Log.ts"
const append = "packages/redis-live/lua/PubSub/append.lua"
const read = "packages/redis-live/lua/PubSub/read.lua"
const servers = ["redis", "cluster"] as const
const store = "packages/testkit/src/MemoryPubSub.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "subscribe does not wait for the confirmation",
    law: "whatIsPublishedAfterSubscribingArrives",
    file: hub,
    find: "topic.starting.add(resume)",
    replace: "if (topic.history === undefined) return resume(Effect.void); else topic.starting.add(resume)"
  },
  {
    name: "a batch takes one number for all its messages",
    law: "allSubscribersSeeOneOrder",
    file: log,
    find: "log.sequence += 1",
    replace: "log.sequence += added.length === 0 ? 1 : 0"
  },
  {
    name: "the last to come leaves first",
    law: "eachPublishersOrderIsKept",
    file: batcher,
    find: "this.waiting.push(call)",
    replace: "this.waiting.unshift(call)"
  },
  {
    name: "catching up begins with the last message again",
    law: "aMessageArrivesAtMostOnce",
    file: topic,
    find: '{ _tag: "After", ...this.position }',
    replace: '{ _tag: "After", epoch: this.position.epoch, sequence: this.position.sequence - 1 }'
  },
  {
    name: "a lost connection leaves no gap",
    law: "aLostConnectionIsAGap",
    file: topic,
    find: "if (this.history === undefined && heard) this.gap(disconnected)",
    replace: ""
  },
  {
    name: "only the first lost connection is a gap",
    law: "theGapComesBeforeWhatFollowsIt",
    file: topic,
    find: "if (this.history === undefined && heard) this.gap(disconnected)",
    replace: "if (this.history === undefined && heard && this.losses === 0) this.gap(disconnected)"
  },
  {
    name: "a gap wakes nobody",
    law: "whatIsMissingAtTheEndIsTold",
    file: subscriber,
    find: "      this.waiting.push(gap)\n    }",
    replace: "      this.waiting.push(gap)\n      return\n    }"
  },
  {
    name: "nothing is read after a reconnect",
    law: "aSubscriberThatWasCutOffMissesNothing",
    file: topic,
    find: "this.behind = this.everConfirmed\n",
    replace: "if (this.everConfirmed) return\n"
  },
  {
    name: "a quiet log is not compared",
    law: "aQuietChannelIsCompared",
    file: topic,
    find: "if (this.history !== undefined && this.confirmed && !this.heard) this.catchUp()",
    replace: ""
  },
  {
    name: "the gap counts one too many",
    law: "theGapNamesOnlyWhatIsGone",
    file: log,
    find: "missed: first - after - 1",
    replace: "missed: first - after"
  },
  {
    name: "age ends no message",
    law: "historyEndsWithItsTimeToLive",
    file: log,
    find: "if (entries[middle]!.at > oldest) high = middle",
    replace: "if (true) high = middle"
  },
  {
    name: "a server that takes over goes on with the epoch",
    law: "aFailoverThatLostMessagesIsTold",
    file: log,
    find: "if (known.run !== run) {",
    replace: "if (known.run === undefined) {"
  },
  {
    name: "the name of an epoch comes again",
    law: "aForgottenChannelIsTold",
    file: store,
    find: "`${base}.${(epochs += 1).toString(36)}`",
    replace: '"epoch"'
  },
  {
    name: "every replaced connection is a gap",
    law: "aRestartThatLostNothingIsNoGap",
    file: topic,
    find: "this.behind = this.everConfirmed\n",
    replace: "this.behind = this.everConfirmed\n      if (this.everConfirmed) this.gap(disconnected)\n"
  },
  {
    name: "what does not fit the buffer is skipped",
    law: "aSlowSubscriberCatchesUp",
    file: subscriber,
    find: "if (this.size >= this.capacity) {",
    replace: "if (this.size >= this.capacity) {\n        this.cursor = to\n        return"
  },
  {
    name: "dropped messages are not counted",
    law: "aSlowSubscriberLearnsHowManyItMissed",
    file: subscriber,
    find: "this.dropped += 1",
    replace: "this.dropped += 0"
  },
  {
    name: "a dedupe key is the publisher's own",
    law: "aDedupeKeyPublishesOnce",
    file: log,
    find: "const first = index < firstKept(log, history, at) ?",
    replace: "const first = index < firstKept(log, history, at) || log.entries[index]?.publisher !== publisher ?"
  },
  {
    name: "a dedupe key without history is ignored",
    law: "aDedupeKeyNeedsAHistory",
    file: limits,
    find: 'return Name.misconfigured(service, "publish", "dedupeKey", "needs a channel with history")',
    replace: "return undefined"
  },
  {
    name: "a reader of the past goes live after its first page",
    law: "subscribingInThePastGivesAllFromThere",
    file: subscriber,
    find: "if (page.end && this.topic.isAtOrBefore(this.cursor)) this.replaying = false",
    replace: "this.replaying = false"
  },
  {
    name: "the last n are n - 1",
    law: "subscribingAtTheLastGivesThatMany",
    file: log,
    find: "(entries.at(-from.count)?.sequence ?? 1) - 1",
    replace: "(entries.at(-from.count)?.sequence ?? 1)"
  },
  {
    name: "nobody unsubscribes",
    law: "aPeerSubscribesOnce",
    file: hub,
    find: "if (topic.wanted && topic.confirmed) continue",
    replace: "if (!topic.wanted || topic.confirmed) continue"
  },
  {
    name: "a message that does not fit is left out",
    law: "aMessageThatDoesNotFitIsAGap",
    file: subscriber,
    find: "deliveries.push(decoded.value)",
    replace: 'if (decoded.value._tag === "Message") deliveries.push(decoded.value)'
  },
  {
    name: "publishAll sends its messages one by one",
    law: "publishAllStaysTogether",
    file: pubsub,
    find: "return yield* send(channel.name, history, payloads)",
    replace:
      "return (yield* Effect.forEach(payloads, (one) => send(channel.name, history, [one]), { concurrency: 2 })).flat()"
  },
  {
    name: "publishAll takes one more",
    law: "publishAllIsBounded",
    file: limits,
    find: "entries.length === maxBatchEntries",
    replace: "entries.length === maxBatchEntries + 1"
  },
  {
    name: "handle begins with the history",
    law: "whatACrashedPeerHandledIsNotGivenAgain",
    file: pubsub,
    find: "const { deliveries } = yield* subscribe(channel, options)",
    replace: 'const { deliveries } = yield* subscribe(channel, { from: "earliest", ...options })'
  },
  {
    name: "a defect ends the handler",
    law: "aFailingHandlerGetsTheNextMessage",
    file: pubsub,
    find: "Effect.catchCause(Effect.scoped(handler(delivery))",
    replace: "Effect.catch(Effect.scoped(handler(delivery))"
  },
  {
    name: "a publish whose answer was lost is sent again",
    law: "aLostAnswerIsOnceOrNotAtAll",
    file: batcher,
    find: "restore(this.send(batch))",
    replace: "restore(Effect.retry(this.send(batch), { times: 1 }))"
  },
  {
    name: "what was told NotApplied is sent all the same",
    law: "whatWasNotAppliedIsNeverSeen",
    file: batcher,
    find: "isOutage.has(error.reason._tag) ? this.takeAll() : []",
    replace: "isOutage.has(error.reason._tag) ? [...this.waiting] : []"
  },
  {
    name: "a closed link stays subscribed",
    law: "aClosedLayerLeavesNoSubscription",
    file: channels,
    find: "            gone()\n",
    replace: ""
  },
  {
    name: "names that look alike are one",
    law: "noTwoNamesMeet",
    file: store,
    find: "prefix + channel",
    replace: "prefix + channel.normalize()"
  },
  {
    name: "a history may be of any size",
    law: "badOptionsAreRefused",
    file: limits,
    find: " || size > maxHistory",
    replace: ""
  },
  {
    name: "what comes back is not decoded",
    law: "valuesComeBackAsTheyWere",
    file: text,
    find: "const value = this.fromJson(json)",
    replace: "const value = Exit.succeed(json)"
  },
  {
    name: "what is no JSON is published as nothing",
    law: "aMessageThatDoesNotFitIsAGap",
    file: text,
    find: "    // Said by what follows, without the value's own words (promise A9).",
    replace: '    return Exit.succeed("null")'
  },
  {
    name: "a clock that goes back empties the log",
    law: "aClockThatStepsKeepsTheOrder",
    file: log,
    find: "const at = Math.max(now, log.at)",
    replace: "const at = Math.max(now, log.at)\n  if (now < log.at) log.entries = []"
  },
  {
    name: "a full server refuses readers",
    law: "aFullServerStillServesReaders",
    file: store,
    find: 'request("subscribe", false',
    replace: 'request("subscribe", true'
  },
  {
    name: "an outage is not told",
    law: "statusTellsOfAnOutage",
    file: hub,
    find: 'lost ? "Down" : ',
    replace: ""
  },
  {
    name: "the script keeps the epoch of the server before",
    law: "aFailoverThatLostMessagesIsTold",
    file: append,
    find: "if m[3] ~= run then",
    replace: "if not m[3] then",
    worlds: servers
  },
  {
    name: "the script gives a batch to its subscribers in reverse",
    law: "publishAllStaysTogether",
    file: append,
    find: "payloads[#payloads + 1] = ARGV[i]",
    replace: "table.insert(payloads, 1, ARGV[i])",
    worlds: servers
  },
  {
    name: "the script does not know the first dedupe key",
    law: "aDedupeKeyPublishesOnce",
    file: append,
    find: "if key ~= '' and keys > 0 then",
    replace: "if key ~= '' and keys > 1 then",
    worlds: servers
  },
  {
    name: "the script takes its time from the server in a world",
    law: "historyEndsWithItsTimeToLive",
    file: read,
    find: "local at, limit = math.max(now, tonumber(m[5] or 0))",
    replace: "local at, limit = redis.call('TIME')[1] * 1000",
    worlds: servers
  },
  {
    name: "the script knows no epochs of the past",
    law: "aRestartThatLostNothingIsNoGap",
    file: read,
    find: "local known = ARGV[7] == epoch and sequence",
    replace: "local known = ARGV[7] == run and sequence",
    worlds: servers
  },
  {
    name: "the script gives one message less than the last n",
    law: "subscribingAtTheLastGivesThatMany",
    file: read,
    find: "after = math.max(sequence - tonumber(ARGV[8]), low - 1)",
    replace: "after = math.max(sequence - tonumber(ARGV[8]) + 1, low - 1)",
    worlds: servers
  },
  {
    name: "the script counts one too many",
    law: "theGapNamesOnlyWhatIsGone",
    file: read,
    find: "first - after - 1",
    replace: "first - after",
    worlds: servers
  },
  {
    name: "a reader of a forgotten channel is told nothing",
    law: "aForgottenChannelIsTold",
    file: read,
    find: "after, gap = same and math.min(after, sequence) or 0, 'EpochChanged'",
    replace: "after = same and math.min(after, sequence) or 0",
    worlds: servers
  },
  {
    name: "the second page of a history is the first again",
    law: "historyGivesWhatIsKept",
    file: pubsub,
    find: 'from = { _tag: "After", epoch: page.epoch, sequence: page.sequence }',
    replace: 'from = { _tag: "Earliest" }'
  },
  {
    name: "an interrupted call leaves all the same",
    law: "anInterruptedPublishThatWaitsNeverLeaves",
    file: batcher,
    find: "this.waiting.splice(index, 1)",
    replace: "return"
  },
  {
    name: "a failed unsubscribe leaves the topic as it was",
    law: "anUnsubscribeThatFailedHarmsNobody",
    file: hub,
    find: "for (const { history, name } of topics) {\n          if (!this.topics.has(name)) this.topics.set(name, new Topic(name, history, this))",
    replace:
      "for (const topic of topics) {\n          if (!this.topics.has(topic.name)) this.topics.set(topic.name, topic)"
  },
  {
    name: "a closed publisher takes calls that nobody sends",
    law: "aClosedLayerPublishesNothing",
    file: publisher,
    find: "if (this.isClosed) way.close()",
    replace: ""
  },
  {
    name: "an evicted log begins where it ended",
    law: "anEvictedLogBeginsAnew",
    file: store,
    find: "if ([`${name}:log`, `${name}:meta`].some((key) => key.includes(containing))) logs.delete(name)",
    replace: "const log = logs.get(name)\n            if (log !== undefined) log.sequence = 0"
  },
  {
    name: "what stands under an evicted record is kept",
    law: "anEvictedLogBeginsAnew",
    file: append,
    find: "elseif not m[2] then redis.call('DEL', log) end",
    replace: "end",
    worlds: servers
  },
  {
    name: "catching up is told as being up",
    law: "statusSaysWhatStillCatchesUp",
    file: hub,
    find: 'behind ? "Resyncing" : ',
    replace: ""
  },
  {
    name: "a take that is interrupted while it decodes loses what it took",
    law: "aSlowSchemaLosesNothing",
    file: subscriber,
    find: "    let i = from\n",
    replace: "    this.taken = []\n    let i = from\n"
  },
  {
    name: "what decodes first is given first",
    law: "aSlowSchemaLosesNothing",
    file: subscriber,
    find: "      for (; i < taken.length; i++) {\n        const next = taken[i]!\n        deliveries.push(isGap(next) ? next : yield* this.codec.decode(next))\n      }",
    replace:
      '      const push = (next: Delivery<A>) => Effect.sync(() => deliveries.push(next))\n      yield* Effect.forEach(taken.slice(i), (next) => (isGap(next) ? push(next) : Effect.flatMap(this.codec.decode(next), push)), { concurrency: "unbounded" })'
  },
  {
    name: "who comes later reads as whoever came first",
    law: "eachSubscriberReadsByItsOwnDefinition",
    file: pubsub,
    find: "Math.min(buffer, pageEntries), history)",
    replace: "Math.min(buffer, pageEntries), topic.history)",
    worlds: ["memory", "redis", "cluster"]
  },
  {
    name: "who catches up does so as whoever came first",
    law: "eachSubscriberReadsByItsOwnDefinition",
    file: pubsub,
    find: "undefined, page, history)",
    replace: "undefined, page)",
    worlds: ["memory", "redis", "cluster"]
  }
]
