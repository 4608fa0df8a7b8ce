/** Mistakes in the order of what is said, in catching up, and in words that are said once: ChatWordLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/chat/${name}.ts`
const rooms = (name: string): string => `packages/testkit/src/internal/rooms/${name}.ts`
const servers = ["memory", "redis"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "steps of one peer overtake each other",
    law: "wordsOfOnePeerTravelTogether",
    file: core("Door"),
    find: "maxUnderWay: 1",
    replace: "maxUnderWay: 2",
    worlds: servers
  },
  {
    name: "of several actions of one step the last is done first",
    law: "allHearOneOrder",
    file: rooms("Steps"),
    find: "const outcomes = actions.map((action) => done(turn, keep, by, action))",
    replace: "const outcomes = [...actions].reverse().map((action) => done(turn, keep, by, action)).reverse()"
  },
  {
    name: "the log reaches back for a minute",
    law: "whoWasCutOffCatchesUp",
    file: rooms("Pages"),
    find: "const logged = readable(room.log, log, at)",
    replace: "const logged = readable(room.log, { ...log, timeToLiveMs: 60_000 }, at)"
  },
  {
    name: "the gap counts what lies before the first entry alone",
    law: "whatIsTooOldIsAGap",
    file: rooms("Pages"),
    find: "const missed = sequence - after - page.length",
    replace: "const missed = (page[0]?.sequence ?? sequence + 1) - after - 1"
  },
  {
    name: "words that stay are not told to who was cut off",
    law: "whatIsTooOldIsAGap",
    file: rooms("Pages"),
    find: "const before = kept.filter((word) => word.sequence < reach)",
    replace: "const before = kept.filter((word) => word.sequence < 0)"
  },
  {
    name: "the log holds twice as much",
    law: "whatIsTooMuchIsAGap",
    file: rooms("Room"),
    find: "let low = Math.max(0, entries.length - size)",
    replace: "let low = Math.max(0, entries.length - 2 * size)"
  },
  {
    name: "the oldest event is not among the earliest",
    law: "eventsBeginWhereTheyAreAskedFor",
    file: rooms("Pages"),
    find: 'if (from._tag === "Earliest") return { after: room.since, gap: undefined }',
    replace: 'if (from._tag === "Earliest") return { after: room.since + 1, gap: undefined }'
  },
  {
    name: "who listens first says how far back all begin",
    law: "eachListenerHearsByItsOwnDefinition",
    file: core("Ear"),
    find: "this.hub.read(topic, from, pageSize, history)",
    replace: "this.hub.read(topic, from, pageSize)",
    worlds: servers
  },
  {
    name: "who listens first says what is a gap for all",
    law: "eachListenerHearsByItsOwnDefinition",
    file: "packages/core/src/internal/pubsub/Subscriber.ts",
    find: "const isOwnWay = ahead > 0 || this.isApart",
    replace: "const isOwnWay = ahead > 0",
    worlds: servers
  },
  {
    name: "who reads the log itself does so as the first listener has it",
    law: "eachListenerHearsByItsOwnDefinition",
    file: "packages/core/src/internal/pubsub/Subscriber.ts",
    find: "this.topic.readFrom(this.cursor, this.capacity, this.history)",
    replace: "this.topic.readFrom(this.cursor, this.capacity, this.topic.history)",
    worlds: servers
  },
  {
    name: "who waits for a leave to be told takes the room of one",
    law: "membersOfOnePeerLeaveTogether",
    file: core("Ask"),
    find: "this.entries = action === undefined ? 0 : 1",
    replace: "this.entries = 1",
    worlds: servers
  },
  {
    name: "who asks for events from a place gets them from now",
    law: "eventsBeginWhereTheyAreAskedFor",
    file: core("Ear"),
    find: "from === undefined ? here(look)",
    replace: 'from === undefined || from._tag === "After" ? here(look)',
    worlds: servers
  },
  {
    name: "keys of all members are one another's",
    law: "aWordWithAKeyIsSaidOnce",
    file: rooms("Room"),
    find: "`${Name.encode(from)} ${dedupeKey}`",
    replace: "dedupeKey"
  },
  {
    name: "a word whose key is known is said again",
    law: "aWordWithAKeyIsSaidOnce",
    file: rooms("Room"),
    find: "if (known !== undefined) return known",
    replace: ""
  },
  {
    name: "the history reaches as far back as the log",
    law: "aWordStaysInTheHistory",
    file: rooms("Pages"),
    find: "if (history !== undefined) return readable(room.kept, history, at)",
    replace: "if (history !== undefined) return readable(room.kept, { ...log, size: history.size }, at)"
  },
  {
    name: "each word travels alone",
    law: "wordsOfOnePeerTravelTogether",
    file: core("Door"),
    find: "maxEntries: maxActions",
    replace: "maxEntries: 1",
    worlds: servers
  },
  {
    name: "whoever joined sees its details as it gave them",
    law: "whatIsSaidGoesThroughItsSchema",
    file: core("Places"),
    find: 'room["~codec"].member({ id, peer, joinedAt: 0, details: text })',
    replace: "Effect.succeed({ id, peer, joinedAt: DateTime.makeUnsafe(0), details })",
    worlds: servers
  },
  {
    name: "of a room that nobody knows of nothing is told",
    law: "whenTheStoreForgetsNobodyHangs",
    file: rooms("Pages"),
    find: 'entries: [{ epoch: "-", sequence: 1, at: now, publisher: "-", payload: written.destroyed }]',
    replace: "entries: []"
  },
  {
    name: "a server that takes over begins no epoch",
    law: "whenTheStoreRewindsItIsTold",
    file: rooms("Room"),
    find: "if (room.run !== run) {",
    replace: "if (room.run === undefined) {"
  }
]
