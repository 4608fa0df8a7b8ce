/**
 * Rooms as a game of any length: what peers, listeners and sweepers ask of the store, what it answers, and what it pushes.
 * Two backends that keep the laws give the same answers to the same game, whatever policy stands above them.
 */
import * as Store from "@troupe/core/ChatStore"
import * as Frame from "@troupe/core/Frame"
import type { From, Stored } from "@troupe/core/PubSubStore"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Node, World } from "../World.ts"

const below = (limit: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit - 1 }))
const at = { who: below(3), room: below(2) }
const member = below(4)

const Action = Schema.Union([
  Schema.TaggedStruct("Join", { member, again: below(4), over: below(5) }),
  Schema.TaggedStruct("Join", { member, again: below(4), over: below(5) }),
  Schema.TaggedStruct("Update", { member, stale: below(4) }),
  Schema.TaggedStruct("Leave", { member, stale: below(4) }),
  Schema.TaggedStruct("Leave", { member, stale: below(4) }),
  Schema.TaggedStruct("Remove", { member }),
  Schema.TaggedStruct("Say", { member, stale: below(4), key: below(5) }),
  Schema.TaggedStruct("Say", { member, stale: below(4), key: below(5) }),
  Schema.TaggedStruct("Say", { member, stale: below(4), key: below(5) })
])
const Act = Schema.TaggedStruct("Act", { ...at, actions: Schema.Array(Action), impatient: below(4) })
const Read = Schema.TaggedStruct("Read", { ...at, from: below(4), place: below(8), count: below(6), limit: below(3) })
const Words = Schema.TaggedStruct("Words", { ...at, from: below(4), place: below(8), count: below(6), limit: below(3) })
const Pass = Schema.TaggedStruct("Pass", { span: below(7) })
const Create = Schema.TaggedStruct("Create", at)

// What makes rooms move is asked for more often than what looks at them.
const Operation = Schema.Union([
  Act,
  Act,
  Act,
  Act,
  Read,
  Read,
  Words,
  Words,
  Read,
  Pass,
  Pass,
  Pass,
  Create,
  Create,
  Schema.TaggedStruct("Destroy", { ...at, really: below(2) }),
  Schema.TaggedStruct("Flood", { ...at, really: below(2) }),
  Schema.TaggedStruct("Look", at),
  Schema.TaggedStruct("Sweep", { ...at, dead: below(6) }),
  Schema.TaggedStruct("Sweep", { ...at, dead: below(6) }),
  Schema.TaggedStruct("Renew", { who: below(3) }),
  Schema.TaggedStruct("Unlist", { ...at, stale: below(3), prunes: below(2) }),
  Schema.TaggedStruct("Enter", { ...at, both: below(3) }),
  Schema.TaggedStruct("Exit", { ...at, both: below(3) }),
  Schema.TaggedStruct("Bury", { who: below(3), really: below(4) }),
  Schema.TaggedStruct("Index", { who: below(3) }),
  Schema.TaggedStruct("Step", { span: below(3) }),
  Schema.TaggedStruct("Evict", { what: below(2), really: below(2) }),
  Schema.TaggedStruct("Forget", { really: below(8) })
])
export type Operation = typeof Operation.Type

/** Games of forty operations and more. */
export const games: Arbitrary.Arbitrary<ReadonlyArray<Operation>> = Arbitrary.array(Arbitrary.schema(Operation), {
  minLength: 40,
  maxLength: 80
})

const rooms = ["a room", "the {room}:2"] as const
const keeps: ReadonlyArray<Store.Keep> = [
  { history: undefined, leaveGraceMs: 5_000 },
  { history: { size: 4, timeToLiveMs: 600_000 }, leaveGraceMs: 0 }
]
const members = ["a", "b:c", "*", "__proto__"]
const limits = [1, 3, 512]
const spans = [0, 1_000, 4_999, 5_000, 240_000, 300_000, 600_000]
const steps = [-10_000, 1_000, 90_000]
const evicted = [":log", ":words"]
const flood = Array.from({ length: 400 }, (_, n): Store.Action => ({
  _tag: "Say",
  from: "flood",
  ref: undefined,
  payload: `${n}`,
  dedupeKey: undefined
}))

const of = <A>(all: ReadonlyArray<A>, i: number, otherwise: A): A => all[i] ?? otherwise

interface Player {
  readonly node: Node<Store.ChatStore>
  id: string
  /** Of each member, the names of its memberships, the last first. */
  readonly refs: Map<string, ReadonlyArray<string>>
}

interface Place {
  readonly epoch: string
  readonly sequence: number
}

/** Plays it; gives every answer and all that was pushed, as comparable values. */
export const play = Effect.fnUntraced(function* (world: World<Store.ChatStore>, game: ReadonlyArray<Operation>) {
  const told: Array<unknown> = []
  const players: Array<Player> = []
  for (const n of [0, 1, 2])
    players.push({ node: yield* world.spawn({ name: `p ${n}` }), id: `p${n}`, refs: new Map() })
  const table = new Table()
  const ask = <A>(player: Player, use: (store: Store.Service) => Effect.Effect<A, unknown>) =>
    Effect.map(Effect.exit(Effect.provide(Effect.flatMap(Store.ChatStore, use), player.node.context)), (exit) => {
      if (Exit.isFailure(exit)) told.push("refused")
      return Exit.isSuccess(exit) ? exit.value : undefined
    })
  const first = players[0]!
  const pushed = new Map<string, Array<string>>(rooms.map((room) => [room, []]))
  yield* Effect.gen(function* () {
    const store = yield* Store.ChatStore
    const link = yield* store.connect({
      message: (room, frame) => pushed.get(room)?.push(frame),
      lost: () => {}
    })
    yield* world.complete(link.subscribe(rooms))
  }).pipe(Effect.provide(first.node.context))
  const creation = (player: Player, room: string) =>
    Effect.gen(function* () {
      const listed = yield* ask(player, (store) => store.list(room))
      if (listed === undefined) return
      told.push(table.listed(room, listed))
      told.push(yield* ask(player, (store) => store.create(room, listed, asking(player))))
    })
  for (const room of rooms) yield* creation(first, room)

  for (const operation of game) {
    const player = of(players, "who" in operation ? operation.who : 0, first)
    const by = asking(player)
    const number = "room" in operation ? operation.room : 0
    const room = of(rooms, number, rooms[0])
    const keep = keeps[number]!
    // Now and then a reader takes a place of one room for one of another.
    const other = "place" in operation && operation.from === 3 && operation.place === 0 ? rooms[1 - number]! : room
    told.push(operation._tag)
    switch (operation._tag) {
      case "Create":
        yield* creation(player, room)
        break
      case "Destroy":
        if (operation.really === 0)
          told.push(table.stampOf(room, yield* ask(player, (store) => store.destroy(room, by))))
        break
      case "Act": {
        const actions = operation.actions.slice(0, 6).map((action) => actionOf(player, players, action, table))
        if (actions.length === 0) break
        // How long whoever joins leaves is the room's own matter: all who join say the same.
        const isImpatient = operation.impatient === 0 && !actions.some(({ _tag }) => _tag === "Join")
        const how = isImpatient ? { ...keep, leaveGraceMs: 0 } : keep
        const acted = yield* ask(player, (store) => store.act(room, how, by, actions))
        told.push(
          acted?.outcomes?.map((outcome) => table.outcome(room, outcome)),
          acted?.dueInMs,
          table.origin(acted?.origin)
        )
        break
      }
      case "Flood":
        if (operation.really === 0) yield* ask(player, (store) => store.act(room, keep, by, flood))
        break
      case "Look": {
        const look = yield* ask(player, (store) => store.look(room))
        told.push(look && [look.members, table.place(room, look)])
        told.push(seated(yield* ask(player, (store) => store.seats(room, ""))))
        told.push(held(yield* ask(player, (store) => store.holders(room, by, ""))))
        break
      }
      case "Read": {
        const from = fromOf(operation, other, table)
        const page = yield* ask(player, (store) => store.read(room, keep, from, of(limits, operation.limit, 1)))
        if (page === undefined) break
        for (const entry of page.entries) table.place(room, entry)
        told.push(table.stored(page.entries), table.place(room, page), page.end)
        // What is missing among what a reader did not ask for by its place is nobody's matter.
        if (from._tag === "After") told.push(page.gap)
        break
      }
      case "Words": {
        const from = wordsFrom(operation, other, table)
        const words = yield* ask(player, (store) => store.words(room, keep, from, of(limits, operation.limit, 1)))
        told.push(words && [table.stored(words.words), words.lost, words.end, table.bookmark(room, words.bookmark)])
        break
      }
      case "Sweep": {
        const swept = yield* ask(player, (store) => store.sweep(room, players[operation.dead]?.id, by))
        told.push(swept?.left, swept?.dueInMs, table.origin(swept?.origin))
        break
      }
      case "Renew":
        player.id += "x"
        break
      case "Unlist": {
        const stamp = table.stamp(room, operation.stale)
        if (operation.prunes === 1) yield* ask(player, (store) => store.prune([room]))
        else if (stamp !== undefined) yield* ask(player, (store) => store.unlist(room, stamp))
        break
      }
      case "Enter": {
        const entered = yield* ask(player, (store) => store.enter(player.id, roomsOf(operation)))
        told.push(entered && [entered.gone, table.name(entered.life)])
        break
      }
      case "Exit":
        yield* ask(player, (store) => store.exit(player.id, roomsOf(operation)))
        break
      case "Bury":
        if (operation.really === 0)
          told.push([...((yield* ask(player, (store) => store.bury(player.id))) ?? [])].sort())
        break
      case "Index": {
        const page = yield* ask(player, (store) => store.rooms(""))
        told.push([...(page?.rooms ?? [])].sort(), page?.cursor)
        told.push([...((yield* ask(player, (store) => store.peers)) ?? [])].sort())
        break
      }
      case "Step":
        yield* world.store.stepClock(of(steps, operation.span, 0))
        break
      case "Pass":
        yield* world.advance(of(spans, operation.span, 0))
        break
      case "Evict":
        if (operation.really === 0) yield* world.store.evict(of(evicted, operation.what, ":log"))
        break
      case "Forget":
        if (operation.really === 0) yield* world.store.forget
    }
  }
  yield* world.advance(0)
  for (const frames of pushed.values()) {
    told.push(frames.map((frame) => table.whole(Frame.decode(frame) ?? [])))
  }
  return structuredClone(told)
})

// -- internals ----------------------------------------------------------------------------------------------------

/** What players know, and what is random by the order in which it was first heard of. */
class Table {
  private readonly names = new Map<string, number>()
  private readonly stamps = new Map<string, ReadonlyArray<number>>()
  /** The last first, by the room. */
  private readonly places = new Map<string, ReadonlyArray<Place>>()
  private readonly bookmarks = new Map<string, ReadonlyArray<Store.Bookmark>>()
  words = 0

  name(text: string): string {
    const number = this.names.get(text) ?? this.names.size
    this.names.set(text, number)
    return text === "-" ? text : `#${number}`
  }

  place(room: string, { epoch, sequence }: Place): string {
    this.places.set(room, [{ epoch, sequence }, ...(this.places.get(room) ?? [])].slice(0, 24))
    return `${this.name(epoch)}/${sequence}`
  }

  /** One of the last, or one that nobody has heard of. */
  known(room: string, number: number): Place {
    const known = this.places.get(room) ?? []
    return known[(number * 3) % Math.max(1, known.length)] ?? { epoch: "never heard of", sequence: 7 }
  }

  bookmark(room: string, bookmark: Store.Bookmark): string {
    this.bookmarks.set(room, [bookmark, ...(this.bookmarks.get(room) ?? [])].slice(0, 8))
    return `${this.name(bookmark.epoch)}/${bookmark.sequence}/${bookmark.number}`
  }

  marked(room: string, number: number): Store.Bookmark {
    const known = this.bookmarks.get(room) ?? []
    return known[number % Math.max(1, known.length)] ?? { epoch: "never heard of", sequence: 7, number: 2 }
  }

  /** Does it grow? */
  listed(room: string, stamp: number): boolean {
    const known = this.stamps.get(room) ?? []
    this.stamps.set(room, [stamp, ...known])
    return stamp > Math.max(0, ...known)
  }

  stamp(room: string, number: number): number | undefined {
    return this.stamps.get(room)?.[number]
  }

  stampOf(room: string, stamp: number | undefined): number {
    return stamp === undefined ? -2 : (this.stamps.get(room)?.indexOf(stamp) ?? -1)
  }

  origin(origin: Store.Origin | undefined): string | undefined {
    return origin && `${this.name(origin.epoch)} of ${origin.server}`
  }

  outcome(room: string, outcome: Store.Outcome): string {
    return outcome._tag === "Said" ? `Said ${this.place(room, outcome)}` : Object.values(outcome).join(" ")
  }

  /** In which order a sweep ends what it ends is each store's own matter: here who it was is left out. */
  stored(entries: ReadonlyArray<Stored>): ReadonlyArray<string> {
    const shown = entries.map(({ at, epoch, payload, sequence }) => {
      const what = payload.startsWith("L C") ? "L C" : payload
      return `${this.name(epoch)}/${sequence} ${at} ${what}`
    })
    return shown.length > 8 ? [...shown.slice(0, 5), `${shown.length}`, ...shown.slice(-2)] : shown
  }

  /** One frame: its places, and in some order what it says. */
  whole(frame: ReadonlyArray<Stored>): ReadonlyArray<string> {
    const said = frame.filter(({ payload }) => payload.startsWith("S "))
    return [
      `${frame.length} from ${frame
        .slice(0, 1)
        .map(({ at, epoch, sequence }) => `${this.name(epoch)}/${sequence} ${at}`)
        .join()}`,
      `said by ${said
        .slice(0, 1)
        .map(({ publisher }) => publisher)
        .join()}`,
      ...frame
        .map(({ payload }) => payload)
        .sort()
        .slice(0, 8)
    ]
  }
}

const asking = ({ id, node }: Player): Store.Asking => ({ id, name: node.name })

const actionOf = (
  player: Player,
  players: ReadonlyArray<Player>,
  action: typeof Action.Type,
  table: Table
): Store.Action => {
  const id = of(members, action.member, "a")
  const refs = player.refs.get(id) ?? []
  const ref = of(refs, "stale" in action && action.stale === 0 ? 1 : 0, "none")
  switch (action._tag) {
    case "Join": {
      const isAgain = action.again === 0 && refs.length > 0
      const name = isAgain ? ref : `${player.id}.${action.member}.${refs.length}`
      if (!isAgain) player.refs.set(id, [name, ...refs])
      return { _tag: "Join", id, ref: name, details: `{"n":${refs.length}}`, over: players[action.over]?.id }
    }
    case "Update":
      return { _tag: "Update", id, ref, details: `{"n":-${refs.length}}` }
    case "Leave":
      return { _tag: "Leave", id, ref }
    case "Remove":
      return { _tag: "Remove", id }
    case "Say": {
      const dedupeKey = action.key < 3 ? `key ${action.key}` : undefined
      const payload = `"${(table.words += 1)}"`
      return { _tag: "Say", from: id, ref: action.stale === 3 ? undefined : ref, payload, dedupeKey }
    }
  }
}

const fromOf = ({ count, from, place }: typeof Read.Type, room: string, table: Table): From =>
  from === 0
    ? { _tag: "Earliest" }
    : from === 1
      ? { _tag: "Last", count }
      : { _tag: "After", ...table.known(room, place) }

const wordsFrom = ({ count, from, place }: typeof Words.Type, room: string, table: Table): Store.WordsFrom =>
  from === 0
    ? { _tag: "Earliest" }
    : from === 1
      ? { _tag: "Last", count }
      : { _tag: "After", bookmark: table.marked(room, place) }

const roomsOf = ({ both, room }: { readonly both: number; readonly room: number }): ReadonlyArray<string> =>
  both === 0 ? rooms : both === 1 ? [of(rooms, room, rooms[0])] : []

const seated = (seats: Store.Seats | undefined) =>
  seats && [
    seats.seats.map(({ details, id, joinedAt, peer }) => `${id} ${peer} ${joinedAt} ${details}`).sort(),
    seats.members,
    seats.cursor
  ]

/** In which order a peer's places are told is each store's own matter, and so which of many are on a page. */
const held = (page: Store.Holders | undefined) =>
  page && [
    [...page.peers].sort(),
    page.cursor === "" ? page.places.map(({ id, ref }) => `${id} ${ref}`).sort() : page.places.length,
    page.dueInMs
  ]
