/**
 * Who is in a room, kept by listening: first it listens, then it asks who is there, and what it heard meanwhile comes on
 * top; so nothing falls between (H5). Where something was missed it asks again. One map for each change that is taken,
 * which shares with the one before it what has not changed.
 */
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Stream from "effect/Stream"
import type { BackendError } from "../../BackendError.ts"
import type { Member } from "../../Chat.ts"
import type { Seats, Service as Store } from "../../ChatStore.ts"
import type { Delivery } from "../../PubSub.ts"
import type { Reader } from "./Ear.ts"
import type { Entry, RoomCodec } from "./RoomCodec.ts"

export type Members<M> = HashMap.HashMap<string, Member<M>>

/** What a reader's entries do to a map. */
interface Round<M> {
  readonly members: Members<M>
  readonly changed: boolean
  /** Something was missed. */
  readonly anew: boolean
  readonly ended: boolean
}

const nobody: Members<never> = HashMap.empty()

/** Details that do not fit the schema are no reason to begin anew: whoever has them is not shown. */
const isMissing = (delivery: Delivery<unknown>): boolean => delivery._tag === "Gap" && delivery.reason !== "Undecodable"

const apply = <A, M>(members: Members<M>, deliveries: ReadonlyArray<Delivery<Entry<A, M>>>): Round<M> => {
  let next = HashMap.beginMutation(members)
  let changed = false
  for (const delivery of deliveries) {
    if (delivery._tag === "Gap") {
      if (isMissing(delivery)) return { members, changed: false, anew: true, ended: false }
      continue
    }
    const entry = delivery.value
    if (entry._tag === "Said") continue
    if (entry._tag === "Destroyed") return { members: nobody, changed: true, anew: false, ended: true }
    changed = true
    next =
      entry._tag === "Left" ? HashMap.remove(next, entry.member.id) : HashMap.set(next, entry.member.id, entry.member)
  }
  return { members: HashMap.endMutation(next), changed, anew: false, ended: false }
}

/** The members of one page. */
export const membersOf = <A, M>(
  codec: RoomCodec<A, M>,
  { seats }: Pick<Seats, "seats">
): Effect.Effect<ReadonlyArray<Member<M>>> =>
  Effect.map(
    Effect.forEach(seats, (seat) => Effect.option(codec.member(seat))),
    (found) => found.flatMap((member) => (member._tag === "Some" ? [member.value] : []))
  )

/** From a reader that has just begun to listen. Ends behind an empty map where the room is destroyed. */
export const presence = <A, M>(
  store: Store,
  room: string,
  codec: RoomCodec<A, M>,
  reader: Reader<A, M>
): Stream.Stream<Members<M>, BackendError> => {
  /** Who is there now: whoever is there throughout is on some page, who came, changed or left since is in what was heard. */
  const ask: Effect.Effect<Round<M>, BackendError> = Effect.gen(function* () {
    const found = new Map<string, Member<M>>()
    const heard: Array<Delivery<Entry<A, M>>> = []
    for (let cursor = ""; ;) {
      const page = yield* store.seats(room, cursor)
      if (page !== undefined) for (const member of yield* membersOf(codec, page)) found.set(member.id, member)
      const isBehind = () => reader.isWaiting || (page !== undefined && reader.isBefore(page))
      while (isBehind()) {
        const more = yield* reader.take
        if (more.some(isMissing)) return yield* ask
        heard.push(...more)
      }
      cursor = page?.cursor ?? ""
      if (cursor !== "") continue
      const round = apply(HashMap.fromIterable(found), heard)
      if (page !== undefined || round.ended) return { ...round, changed: true }
      // It was destroyed, and that is still to be heard.
      heard.push(...(yield* reader.take))
    }
  })
  const settled = (round: Round<M>): Effect.Effect<Round<M>, BackendError> => (round.anew ? ask : Effect.succeed(round))
  let last: Members<M> | undefined
  const next: Effect.Effect<Round<M>, BackendError> = Effect.suspend(() => {
    const members = last
    const round =
      members === undefined ? ask : Effect.flatMap(reader.take, (deliveries) => settled(apply(members, deliveries)))
    return Effect.flatMap(round, (round) => {
      last = round.members
      return round.changed ? Effect.succeed(round) : next
    })
  })
  return Stream.fromEffectRepeat(next).pipe(
    Stream.takeUntil(({ ended }) => ended),
    Stream.map(({ members }) => members)
  )
}
