/** Mistakes in what is polled, in what is told to be lost, and in the history: ChatPollLaws. */
import type { Mutant } from "./Mutant.ts"

const reading = "packages/core/src/internal/chat/Reading.ts"
const pages = "packages/testkit/src/internal/rooms/Pages.ts"
const servers = ["memory", "redis"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "the cursor of a page stands behind all that was said",
    law: "pollsGiveEachWordOnce",
    file: pages,
    find: "sequence: end.sequence, number: end.words",
    replace: "sequence: room.sequence, number: end.words"
  },
  {
    name: "words that were polled are gone",
    law: "aLostPollGivesTheSameAgain",
    file: pages,
    find: "const end = page.at(-1)\n",
    replace: "const end = page.at(-1)\n  room.kept = room.kept.filter((word) => word.sequence > (end?.sequence ?? 0))\n"
  },
  {
    name: "a poll is silent where words are gone",
    law: "aPollSaysWhatIsLost",
    file: pages,
    find: "isLost || (number !== undefined && first > number + 1)",
    replace: "isLost"
  },
  {
    name: "events that are no words are lost",
    law: "aPollSaysWhatIsLost",
    file: pages,
    find: "isLost || (number !== undefined && first > number + 1)",
    replace: "isLost || (number !== undefined && (page[0]?.sequence ?? room.sequence + 1) > after + 1)"
  },
  {
    name: "a room without history has nothing to poll",
    law: "aLogIsPolledToo",
    file: pages,
    find: "return readable(room.log, log, at).filter(",
    replace: "return readable(room.kept, log, at).filter("
  },
  {
    name: "no poll waits",
    law: "aPollWaitsForTheFirstWord",
    file: reading,
    find: "if (waitMs === 0 || !isNothing(polled)) return answer(polled)",
    replace: "if (waitMs >= 0) return answer(polled)",
    worlds: servers
  },
  {
    name: "a poll that waits does not ask again before it listens",
    law: "aWaitingPollMissesNothing",
    file: reading,
    find: "polled = yield* this.page(room, polled.bookmark, limit)\n          if (!isNothing(polled)) return\n          yield* reader.take",
    replace:
      "yield* reader.take\n          polled = yield* this.page(room, polled.bookmark, limit)\n          if (!isNothing(polled)) return",
    worlds: servers
  },
  {
    name: "a room that is no more has no words",
    law: "aWaitingPollEndsWithTheRoom",
    file: reading,
    find: "(words) => there(room, words))",
    replace:
      '(words) => there(room, words ?? { words: [], lost: false, end: true, bookmark: { epoch: "-", sequence: 1, number: 0 } }))',
    worlds: servers
  },
  {
    name: "a cursor of before the store forgot is one like any other",
    law: "anOldCursorIsNotSilent",
    file: pages,
    find: "number: from.bookmark.number, isLost: gap !== undefined",
    replace: 'number: from.bookmark.number, isLost: gap?.reason === "Rewound"'
  },
  {
    name: "a cursor of before a rewind is one like any other",
    law: "aRewoundPollIsNotSilent",
    file: pages,
    find: "number: from.bookmark.number, isLost: gap !== undefined",
    replace: 'number: from.bookmark.number, isLost: gap?.reason === "EpochChanged"'
  },
  {
    name: "the history begins with the place itself",
    law: "historyGivesWhatIsKept",
    file: pages,
    find: "last.filter((word) => word.sequence > after)",
    replace: "last.filter((word) => word.sequence >= after)"
  }
]
