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
import type { Change, RoomCodec } from "./RoomCodec.ts"

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

const isMissing = (delivery: Delivery<unknown>): boolean => delivery._tag === "Gap" && delivery.reason !== "Undecodable"

/** An end is an end, whatever was missed before it: of what came, and of what is there now, nothing is to be shown any more. */
const apply = <M>(members: Members<M>, deliveries: ReadonlyArray<Delivery<Change<M>>>): Round<M> => {
  let next = HashMap.beginMutation(members)
  let changed = false
  let anew = false
  for (const delivery of deliveries) {
    if (delivery._tag === "Gap") {
      anew ||= isMissing(delivery)
      continue
    }
    const change = delivery.value
    if (change._tag === "Said") continue
    if (change._tag === "Destroyed") return { members: nobody, changed: true, anew: false, ended: true }
    changed = true
    next = change._tag === "Gone" ? HashMap.remove(next, change.id) : HashMap.set(next, change.member.id, change.member)
  }
  return anew
    ? { members, changed: false, anew, ended: false }
    : { members: HashMap.endMutation(next), changed, anew, ended: false }
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
  reader: Reader<Change<M>>
): Stream.Stream<Members<M>, BackendError> => {
  /** Who is there now: whoever is there throughout is on some page, who came, changed or left since is in what was heard. */
  const ask: Effect.Effect<Round<M>, BackendError> = Effect.gen(function* () {
    const found = new Map<string, Member<M>>()
    const heard: Array<Delivery<Change<M>>> = []
    for (let cursor = ""; ;) {
      const page = yield* store.seats(room, cursor)
      if (page !== undefined) for (const member of yield* membersOf(codec, page)) found.set(member.id, member)
      // Of a room that is not there the end is still to be heard.
      const isBehind = () => page === undefined || reader.isWaiting || reader.isBefore(page)
      while (isBehind()) {
        const more = yield* reader.take
        const round = apply<M>(nobody, more)
        if (round.ended) return round
        if (round.anew) return yield* ask
        heard.push(...more)
      }
      cursor = page?.cursor ?? ""
      if (cursor === "") return { ...apply(HashMap.fromIterable(found), heard), changed: true }
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
