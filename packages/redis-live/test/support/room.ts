/** A room called "room" on a real server, its time in the test's hands: actions in a word, and what became of them. */
import * as ChatStore from "@troupe/core/ChatStore"
import * as Frame from "@troupe/core/Frame"
import type { From } from "@troupe/core/PubSubStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as RedisChat from "../../src/RedisChat.ts"
import type * as Primaries from "./Primaries.ts"
import { begin, open } from "./store.ts"

export { begin }

export const plain: ChatStore.Keep = { history: undefined, leaveGraceMs: 0 }
export const kept: ChatStore.Keep = { history: { size: 5, timeToLiveMs: 3_600_000 }, leaveGraceMs: 0 }
export const patient: ChatStore.Keep = { history: undefined, leaveGraceMs: 10_000 }

// -- actions ------------------------------------------------------------------------------------------------------

type Action<Tag> = Extract<ChatStore.Action, { readonly _tag: Tag }>

export const join = (id: string, more: Partial<Action<"Join">> = {}): Action<"Join"> => ({
  _tag: "Join",
  id,
  ref: id,
  details: "{}",
  over: undefined,
  ...more
})
export const update = (id: string, details: string, ref = id): Action<"Update"> => ({
  _tag: "Update",
  id,
  ref,
  details
})
export const leave = (id: string, ref = id): Action<"Leave"> => ({ _tag: "Leave", id, ref })
export const remove = (id: string): Action<"Remove"> => ({ _tag: "Remove", id })
export const say = (payload: string, more: Partial<Action<"Say">> = {}): Action<"Say"> => ({
  _tag: "Say",
  from: more.ref ?? "x",
  ref: undefined,
  payload,
  dedupeKey: undefined,
  ...more
})

export const many = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

// -- answers ------------------------------------------------------------------------------------------------------

/** `Joined 1893456000000`, `Taken p`, `Said 4`, ... */
export const shown = (outcome: ChatStore.Outcome): string =>
  outcome._tag === "Joined"
    ? `Joined ${outcome.joinedAt - begin}`
    : outcome._tag === "Taken"
      ? `Taken ${outcome.peer}`
      : outcome._tag === "Said"
        ? `Said ${outcome.sequence}`
        : outcome._tag

interface Told {
  readonly sequence: number
  readonly payload: string
}
export const texts = (entries: ReadonlyArray<Told>): ReadonlyArray<string> => entries.map(({ payload }) => payload)
/** Each by its letter and its place: `D1`, `S7`. */
export const places = (entries: ReadonlyArray<Told>): string =>
  entries.map(({ payload, sequence }) => payload.charAt(0) + sequence).join(" ")

export const make = Effect.fnUntraced(function* (at: Primaries.At, isLive = false) {
  const { client, clock, context, primaries } = yield* open(at, "room", RedisChat.store, isLive)
  const store = Context.get(context, ChatStore.ChatStore)
  /** What a peer asks; its name is not its id. */
  const as = (id: string) => {
    const by = { id, name: `name of ${id}` }
    return {
      by,
      create: (listed = 1, room = "room") => store.create(room, listed, by),
      destroy: (room = "room") => store.destroy(room, by),
      /** Undefined: there is no room. */
      act: (keep: ChatStore.Keep, ...actions: ReadonlyArray<ChatStore.Action>) =>
        Effect.map(store.act("room", keep, by, actions), ({ outcomes }) => outcomes?.map(shown)),
      due: (keep: ChatStore.Keep, ...actions: ReadonlyArray<ChatStore.Action>) =>
        Effect.map(store.act("room", keep, by, actions), ({ dueInMs }) => dueInMs),
      sweep: (dead?: string) => store.sweep("room", dead, by)
    }
  }
  const read = (keep: ChatStore.Keep, from: From, limit = 512) => store.read("room", keep, from, limit)
  return {
    store,
    client,
    context,
    clock,
    primaries,
    as,
    ...as("p"),
    read,
    words: (keep: ChatStore.Keep, from: ChatStore.WordsFrom, limit = 512) => store.words("room", keep, from, limit),
    /** All that stands in the log, as it can be read from its beginning. */
    log: Effect.map(read(plain, { _tag: "Earliest" }), ({ entries }) => texts(entries)),
    /** Where the log stands, as a place to read on from. */
    head: Effect.map(read(plain, { _tag: "Last", count: 0 }), ({ epoch, sequence }) => ({
      _tag: "After" as const,
      epoch,
      sequence
    })),
    /** Ids of those that have a place. */
    members: Effect.map(store.seats("room", ""), (page) => page?.seats.map(({ id }) => id).toSorted()),
    /** The frames of some rooms from now on. */
    frames: (...rooms: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const frames: Array<readonly [room: string, frame: string]> = []
        const link = yield* store.connect({
          message: (room, frame) => frames.push([room, frame]),
          lost: () => {}
        })
        yield* link.subscribe(rooms)
        return frames
      }),
    entriesOf: (frame: string) => Frame.decode(frame) ?? [],
    /** What stands under the prefix, behind that and the database. */
    keys: Effect.map(
      Effect.promise(() => primaries.dump()),
      (dumps) => [...dumps.keys()].map((key) => key.slice(key.indexOf("{"))).toSorted()
    )
  }
})

export type Rig = Effect.Success<ReturnType<typeof make>>
