/** Mistakes in what becomes of letters: MailboxLaws. */
import type { Mutant } from "./Mutant.ts"

const service = "packages/core/src/Mailbox.ts"
const core = (name: string): string => `packages/core/src/internal/mailbox/${name}.ts`
const boxes = "packages/testkit/src/internal/mailbox/Boxes.ts"
const everywhere = ["memory", "redis", "cluster"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "an older cursor takes an acknowledgement back",
    law: "aLetterStaysUntilItIsAcknowledged",
    file: boxes,
    find: "meta.acknowledged = Math.max(meta.acknowledged, Math.min(number, end ?? 0))",
    replace: "meta.acknowledged = Math.min(number, end ?? 0)"
  },
  {
    name: "what is acknowledged stays",
    law: "aLetterStaysUntilItIsAcknowledged",
    file: boxes,
    find: "number > meta.acknowledged && at > oldest",
    replace: "at > oldest"
  },
  {
    name: "a letter that is given alone is gone",
    law: "aLostAnswerGivesTheSameLettersAgain",
    file: boxes,
    find: "return { epoch: meta.epoch, letters: page, number: page.at(-1)?.number ?? meta.last, lost }",
    replace:
      "if (after !== undefined && page.length === 1) letters.shift()\n  return { epoch: meta.epoch, letters: page, number: page.at(-1)?.number ?? meta.last, lost }"
  },
  {
    name: "a letter that is given alone is acknowledged by whoever gives it",
    law: "aCrashLosesNoLetter",
    file: core("Polls"),
    find: "return this.store.poll(box, client, bounds, after, limit)",
    replace:
      "const all = (place: Place | undefined) => this.store.poll(box, client, bounds, place, limit)\n    return Effect.tap(all(after), (page) => (page.letters.length === 1 ? all(page) : Effect.void))",
    worlds: everywhere
  },
  {
    name: "a delivery without an answer is tried again",
    law: "aLostDeliveryIsThereOnceOrNot",
    file: service,
    find: "yield* store.deliver(box.name, client, bounds, payload)",
    replace: "yield* Effect.retry(store.deliver(box.name, client, bounds, payload), { times: 1 })",
    worlds: everywhere
  },
  {
    name: "a letter is there a millisecond longer",
    law: "aLetterGoesWhenItsTimeIsOver",
    file: boxes,
    find: "at > oldest",
    replace: "at >= oldest"
  },
  {
    name: "a box holds one letter more",
    law: "aFullBoxKeepsTheNewest",
    file: boxes,
    find: "letters.length - bounds.capacity)",
    replace: "letters.length - bounds.capacity - 1)"
  },
  {
    name: "a box holds a letter less than five hundred",
    law: "fiveHundredLettersWait",
    file: core("Limits"),
    find: "defaultCapacity = 500",
    replace: "defaultCapacity = 499",
    worlds: everywhere
  },
  {
    name: "a loss is told once",
    law: "aLossIsToldUntilItIsAcknowledged",
    file: boxes,
    find: "const page: Array<Stored> = []",
    replace: "if (lost) meta.acknowledged = (letters[0]?.number ?? meta.last + 1) - 1\n  const page: Array<Stored> = []"
  },
  {
    name: "a mail has one letter less than a hundred",
    law: "lettersComeInTheOrderOfDelivery",
    file: core("Limits"),
    find: "defaultLimit = 100",
    replace: "defaultLimit = 99",
    worlds: everywhere
  },
  {
    name: "the newest letters come first",
    law: "lettersComeInTheOrderOfDelivery",
    file: boxes,
    find: "for (const letter of letters) {",
    replace: "for (const letter of letters.length > limit ? letters.slice(-limit) : letters) {"
  },
  {
    name: "a letter may be a byte too large",
    law: "aMailHasAMebibyteAtTheMost",
    file: service,
    find: "tooLarge(payload, maxPageBytes)",
    replace: "tooLarge(payload, maxPageBytes + 1)",
    worlds: everywhere
  },
  {
    name: "a mail has a byte less than a mebibyte",
    law: "aMailHasAMebibyteAtTheMost",
    file: boxes,
    find: "bytes > maxPageBytes",
    replace: "bytes >= maxPageBytes"
  },
  {
    name: "a poll begins no box",
    law: "anEmptyBoxHasACursor",
    file: boxes,
    find: "return { epoch: meta.epoch, letters: page, number: page.at(-1)?.number ?? meta.last, lost }",
    replace:
      "if (meta.last === 0) turn.boxes.delete(channel)\n  return { epoch: meta.epoch, letters: page, number: page.at(-1)?.number ?? meta.last, lost }"
  },
  {
    name: "a closed box keeps its numbers",
    law: "aClosedBoxBeginsAnew",
    file: "packages/testkit/src/MemoryMailbox.ts",
    find: "void boxes.delete(channelOf(box, client))",
    replace: "void boxes.get(channelOf(box, client))?.letters.splice(0)"
  },
  {
    name: "a box is there a millisecond longer",
    law: "aBoxThatNobodyTouchesIsOver",
    file: boxes,
    find: "meta.until <= now",
    replace: "meta.until < now"
  },
  {
    name: "a poll does not keep a box",
    law: "aBoxThatNobodyTouchesIsOver",
    file: boxes,
    find: "meta.until = Math.max(meta.until, now + timeToLiveMs + boxMs)",
    replace: "if (meta.until === 0) meta.until = now + timeToLiveMs + boxMs"
  },
  {
    name: "a cursor that nobody knows is none",
    law: "whatTheStoreForgotIsTold",
    file: boxes,
    find: "lost = end === undefined || number > end",
    replace: "lost = end !== undefined && number > end"
  },
  {
    name: "letters whose numbers are gone go silently",
    law: "whatIsEvictedIsTold",
    file: boxes,
    find: "const gone = box.meta === undefined && box.letters.length > 0 ? 1 : 0",
    replace: "const gone = 0"
  },
  {
    name: "another server goes on with the epoch",
    law: "aTakeoverSwallowsNoLetter",
    file: boxes,
    find: "    meta.epoch = fresh()\n",
    replace: ""
  },
  {
    name: "another server knows no epoch but its own",
    law: "aTakeoverSwallowsNoLetter",
    file: boxes,
    find: "].slice(-keptEpochs)",
    replace: "].slice(0, 0)"
  },
  {
    name: "a box' time goes back with the clock",
    law: "aJumpingClockKeepsTheOrder",
    file: boxes,
    find: "meta.at = Math.max(turn.now, meta.at)",
    replace: "meta.at = turn.now"
  },
  {
    name: "a single letter goes silently",
    law: "nothingGoesSilently",
    file: boxes,
    find: "> meta.acknowledged + 1",
    replace: "> meta.acknowledged + 2"
  },
  {
    name: "a mail that is cut short says that it lost the rest",
    law: "nothingGoesSilently",
    file: boxes,
    find: "return { epoch: meta.epoch, letters: page, number: page.at(-1)?.number ?? meta.last, lost }",
    replace:
      "return { epoch: meta.epoch, letters: page, number: page.at(-1)?.number ?? meta.last, lost: lost || (page.length > 3 && page.length < letters.length) }"
  },
  {
    name: "a colon of a name divides it",
    law: "boxesDoNotMeet",
    file: "packages/core/src/MailboxStore.ts",
    find: "`${Name.encode(box)}:${Name.encode(client)}`",
    replace: "Name.encode(`${box}:${client}`)",
    worlds: everywhere
  },
  {
    name: "letters go past their schema",
    law: "aLetterComesBackThroughItsSchema",
    file: service,
    find: 'yield* box["~text"].encode(message)',
    replace: "JSON.stringify(message)",
    worlds: everywhere
  },
  {
    name: "a letter that does not fit is left out silently",
    law: "whatDoesNotFitIsLeftOut",
    file: service,
    find: "page.lost || undecodable > 0",
    replace: "page.lost",
    worlds: everywhere
  }
]
