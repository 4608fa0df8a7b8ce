/** Mistakes in who may make a room, join it and speak there: ChatLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/chat/${name}.ts`
const rooms = (name: string): string => `packages/testkit/src/internal/rooms/${name}.ts`
const servers = ["memory", "redis"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a room that exists is made again",
    law: "aRoomIsMadeOnce",
    file: rooms("Rooms"),
    find: "if (known?.exists !== undefined) return false",
    replace: ""
  },
  {
    name: "whoever makes a room is not told that it exists",
    law: "aRoomIsMadeOnce",
    file: core("Lobby"),
    find: "if (!(yield* store.create(room.name, stamp, by))) return yield* new RoomExists({ room: room.name })",
    replace: "yield* store.create(room.name, stamp, by)",
    worlds: servers
  },
  {
    name: "nobody is in a room that is not there",
    law: "whatIsNotThereIsNotFound",
    file: core("Reading"),
    find: "if (page === undefined) return yield* new RoomNotFound({ room: room.name })",
    replace: "if (page === undefined) return []",
    worlds: servers
  },
  {
    name: "events go on behind the end of the room",
    law: "aDestroyedRoomEndsForAll",
    file: core("Reading"),
    find: '({ _tag }) => _tag === "Destroyed"',
    replace: "() => false",
    worlds: servers
  },
  {
    name: "the end of a room is told for as long as the log has it",
    law: "whoWasCutOffHearsOfTheEnd",
    file: rooms("Pages"),
    find: 'return [{ epoch, sequence, at: sinceAt, publisher: "-", payload: written.destroyed }, ...before, ...logged]',
    replace: "return [...before, ...logged]"
  },
  {
    name: "the dedupe keys of a room outlive it",
    law: "aRoomCreatedAnewIsEmpty",
    file: rooms("Steps"),
    find: "room.keys = new Map()",
    replace: ""
  },
  {
    name: "between two pages of rooms one is left out",
    law: "everyRoomIsNamed",
    file: rooms("Index"),
    find: 'rooms.length < behind.length ? (rooms.at(-1) ?? "") : ""',
    replace: 'rooms.length < behind.length ? (behind[pageSize] ?? "") : ""'
  },
  {
    name: "only the first page of rooms is named",
    law: "everyRoomIsNamed",
    file: core("Reading"),
    find: 'page.cursor === "" ? Option.none() : Option.some(page.cursor)',
    replace: "Option.none()",
    worlds: servers
  },
  {
    name: "what is in the list is a room",
    law: "aHalfMadeRoomIsNone",
    file: core("Reading"),
    find: "return look === undefined ? [] : [{ name, members: look.members }]",
    replace: "return [{ name, members: look?.members ?? 0 }]",
    worlds: servers
  },
  {
    name: "whoever comes later takes the place",
    law: "anIdIsInARoomOnce",
    file: rooms("Steps"),
    find: 'return { _tag: "Taken", peer: known.peerId, name: known.peer }',
    replace: ""
  },
  {
    name: "a place that this peer has is free for another fiber of it",
    law: "anIdIsInARoomOnce",
    file: core("Places"),
    find: "return yield* new AlreadyMember({ room: door.room, member: id })",
    replace: "return 0",
    worlds: servers
  },
  {
    name: "a place that was perhaps made is not given up",
    law: "aJoinWhoseAnswerIsLostLeavesNoPlace",
    file: core("Door"),
    find: "else if (Exit.isFailure(answer) && mayHaveHappened(answer)) abandon()",
    replace: "",
    worlds: servers
  },
  {
    name: "a join that is interrupted is not given up",
    law: "anInterruptedJoinLeavesNoPlace",
    file: core("Door"),
    find: "Effect.onInterrupt(() => Effect.sync(abandon))",
    replace: "Effect.onInterrupt(() => Effect.void)",
    worlds: servers
  },
  {
    name: "a place outlives its scope",
    law: "whoHasLeftCannotSpeak",
    file: core("Places"),
    find: "yield* Effect.addFinalizer(() => place.part)",
    replace: "",
    worlds: servers
  },
  {
    name: "who knows the id of a member speaks for it",
    law: "whoIsRemovedCannotSpeak",
    file: rooms("Steps"),
    find: "return member?.ref === ref && !room.fenced.has(member.peerId) ? member : undefined",
    replace: "return member !== undefined && !room.fenced.has(member.peerId) ? member : undefined"
  },
  {
    name: "who is removed leaves by itself",
    law: "whoIsRemovedCannotSpeak",
    file: rooms("Steps"),
    find: 'end(turn, action.id, "R")',
    replace: 'end(turn, action.id, "L")'
  },
  {
    name: "only members announce",
    law: "anybodyMayAnnounce",
    file: rooms("Steps"),
    find: "if (ref !== undefined && speaker(room, from, ref) === undefined) return notMember",
    replace: 'if (speaker(room, from, ref ?? "") === undefined) return notMember'
  },
  {
    name: "each join goes by the index",
    law: "joiningCostsOneRequest",
    file: core("Door"),
    find: "if (this.isKnownOf(by)) return Effect.succeed(true)",
    replace: "",
    worlds: servers
  },
  {
    name: "members are counted one by one",
    law: "joiningCostsOneRequest",
    file: core("Reading"),
    find: 'Effect.flatMap(this.look("count", room), (look) => there(room, look && look.members))',
    replace: "Effect.map(this.members(room), (members) => members.length)",
    worlds: servers
  },
  {
    name: "details may be as large as a byte less than they may be",
    law: "whatIsTooLargeIsRefused",
    file: core("Limits"),
    find: "Name.byteLength(details) <= maxDetailBytes",
    replace: "Name.byteLength(details) < maxDetailBytes",
    worlds: servers
  },
  {
    name: "a word may be a byte longer than it may be",
    law: "whatIsTooLargeIsRefused",
    file: core("Limits"),
    find: "return bytes <= maxActionBytes ? bytes",
    replace: "return bytes <= maxActionBytes + 1 ? bytes",
    worlds: servers
  },
  {
    name: "ids are written as they are",
    law: "namesNeverMeet",
    file: "packages/core/src/ChatStore.ts",
    find: "`${Name.encode(id)} ${Name.encode(peer)} ${joinedAt} ${details}`",
    replace: "`${id} ${Name.encode(peer)} ${joinedAt} ${details}`"
  },
  {
    name: "a history may be as large as anybody likes",
    law: "whatBreaksARuleIsRefused",
    file: core("Limits"),
    find: "if (!Number.isInteger(size) || size < 1 || size > maxHistory) {",
    replace: "if (!Number.isInteger(size) || size < 1) {",
    worlds: servers
  },
  {
    name: "who leaves needs room on the server",
    law: "aFullServerLetsGo",
    file: "packages/testkit/src/MemoryChat.ts",
    find: 'const adds = actions.some(({ _tag }) => _tag === "Join" || _tag === "Update" || _tag === "Say")',
    replace: "const adds = true"
  }
]
