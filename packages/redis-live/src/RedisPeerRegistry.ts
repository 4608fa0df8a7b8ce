/** PeerRegistry on Redis: one slot for all of it, one script for a heartbeat, a shard channel for what changes. */
import type { BackendError } from "@troupe/core/BackendError"
import { renamed } from "@troupe/core/Link"
import * as Name from "@troupe/core/Name"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import {
  type Answer,
  type Change,
  channel,
  decodeChange,
  decodeRecord,
  encodeMetadata,
  type Granted,
  type Page,
  PeerId,
  PeerRegistryStore,
  type Status,
  type Stored,
  type Wish
} from "@troupe/core/PeerRegistryStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { ConnectionTypeId } from "./internal/Connection.ts"
import * as Keys from "./internal/Keys.ts"
import * as Script from "./internal/Script.ts"
import * as scripts from "./internal/scripts.ts"
import { RedisClient } from "./RedisClient.ts"

/** What the registry stands on; by itself it is for those who try a store. */
export const store: Layer.Layer<PeerRegistryStore, never, RedisClient> = Layer.effect(
  PeerRegistryStore,
  Effect.gen(function* () {
    const client = yield* RedisClient
    const connection = client[ConnectionTypeId]
    const { changes, due, grave, leaders, meta, names, records, ...keys } = Keys.peers(connection.keyPrefix)
    const base = (yield* Random.nextIntBetween(0, 2 ** 52)).toString(36)
    let epochs = 0
    // What belongs to this peer's life keeps its order: all of it takes the connection of the beats.
    const call = { service: "PeerRegistry", role: "beat" } as const
    // A connection that fell silent must not cost a peer its life, however long other calls may take.
    const patience = ({ suspectAfterMs }: { readonly suspectAfterMs: number }) => ({ patienceMs: suspectAfterMs / 3 })

    return PeerRegistryStore.of({
      beat: (beat) =>
        connection.call(scripted.beat, {
          ...call,
          ...patience(beat),
          operation: "beat",
          keys: { meta, records, due, names, grave, changes, channel: keys.channel },
          args: {
            fresh: `${base}.${(epochs += 1).toString(36)}`,
            id: beat.id ?? "",
            name: Name.encode(beat.name),
            joined: beat.joined ? 1 : 0,
            suspect: beat.suspectAfterMs,
            down: beat.downAfterMs,
            epoch: beat.epoch,
            version: beat.version
          }
        }),
      enter: (entry) =>
        connection.call(scripted.enter, {
          ...call,
          ...patience(entry),
          operation: "enter",
          keys: { meta, records, due, names, grave, changes, channel: keys.channel },
          args: {
            id: entry.id,
            name: Name.encode(entry.name),
            suspect: entry.suspectAfterMs,
            down: entry.downAfterMs,
            seat: entry.seat,
            joined: entry.joinedAt,
            metadata: encodeMetadata(entry.metadata)
          }
        }),
      page: (epoch, cursor) =>
        connection.call(scripted.page, {
          ...call,
          operation: "beat",
          keys: { meta, records },
          args: { epoch, cursor }
        }),
      update: (id, metadata) =>
        connection.call(scripted.update, {
          service: call.service,
          operation: "updateMetadata",
          keys: { meta, records, due, changes, channel: keys.channel },
          args: { id, metadata: encodeMetadata(metadata) }
        }),
      leave: (id, held) =>
        connection.call(scripted.leave, {
          ...call,
          operation: "leave",
          keys: { meta, records, due, names, grave, changes, leaders, channel: keys.channel },
          args: { id, held: held.flatMap(({ fence, name }) => [Name.encode(name), fence]) }
        }),
      terms: (id, known, wishes) =>
        connection.call(scripted.terms, {
          ...call,
          operation: "lead",
          keys: { meta, records, grave, leaders, channel: keys.channel },
          args: { id, known, wishes: wishes.flatMap(wishArgs) }
        }),
      leader: (name) =>
        connection.call(scripted.leader, {
          service: call.service,
          operation: "leader",
          keys: { meta, records, due, leaders },
          args: { name: Name.encode(name) }
        }),
      connect: (listener) =>
        renamed((listener) => connection.link(call.service, listener), listener, {
          to: () => keys.channel,
          from: () => channel
        }),
      immortal: false
    })
  })
)

const layerOf = (options?: PeerRegistry.Options): Layer.Layer<PeerRegistry.PeerRegistry, BackendError, RedisClient> =>
  Layer.provide(PeerRegistry.layer(options), store)
const layerDefault = layerOf()

/** PeerRegistry for one peer of those that share the RedisClient's server, database and prefix. */
export const layer = (
  options?: PeerRegistry.Options
): Layer.Layer<PeerRegistry.PeerRegistry, BackendError, RedisClient> =>
  options === undefined ? layerDefault : layerOf(options)

// -- internals ----------------------------------------------------------------------------------------------------

const wishArgs = ({ fence, kind, name }: Wish): ReadonlyArray<Script.Arg> => [Name.encode(name), kind, fence]

/** A reply of this format; anything else was left as it is. */
const known = (reply: unknown): ReadonlyArray<unknown> => {
  if (!Array.isArray(reply) || reply[0] !== "") throw new TypeError("the registry's data is not of a format known here")
  return reply
}

const given = <A>(value: A | undefined): A => {
  if (value === undefined) throw new TypeError("the registry holds what is not of a format known here")
  return value
}

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const pairs = <A>(value: unknown, read: (first: string, second: string) => A): ReadonlyArray<A> => {
  const flat = list(value)
  const all: Array<A> = []
  for (let i = 0; i + 1 < flat.length; i += 2) all.push(read(String(flat[i]), String(flat[i + 1])))
  return all
}

const statuses: ReadonlyArray<Status> = ["Alive", "Unknown", "Gone", "Superseded"]
const status = (value: unknown): Status => given(statuses.find((status) => status === value))
const record = (id: string, text: string): Stored => given(decodeRecord(id, text))

/** An entry of the stream: its id, and one field. */
const change = (entry: unknown): Change => {
  const [id, fields] = list(entry)
  return given(decodeChange(Number.parseInt(String(id), 10), String(list(fields)[1])))
}

const answer = (reply: unknown): Answer => {
  const [, told, epoch, version, now, clock, freed, nearest, missed] = known(reply)
  return {
    status: status(told),
    epoch: String(epoch),
    version: Number(version),
    now: Number(now),
    clock: Number(clock),
    freed: Number(freed),
    nearest: pairs(nearest, (id, due) => ({ id: PeerId.make(id), due: Number(due) })),
    missed: missed === undefined ? undefined : list(missed).map(change)
  }
}

const page = (reply: unknown): Page | undefined => {
  const [, cursor, peers] = known(reply)
  return cursor === undefined ? undefined : { peers: pairs(peers, record), cursor: String(cursor) }
}

const granted = (reply: unknown): ReadonlyArray<Granted> | undefined => {
  const [, isTold, ...flat] = known(reply)
  return isTold === 1 ? pairs(flat, (owner, fence) => ({ owner, fence: Number(fence) })) : undefined
}

const leading = (reply: unknown): { readonly peer: Stored; readonly seenAt: number } | undefined => {
  const [, id, seenAt, text] = known(reply)
  return id === undefined ? undefined : { peer: record(String(id), String(text)), seenAt: Number(seenAt) }
}

const scripted = {
  beat: Script.answering(scripts.peerregistryBeat, answer),
  enter: Script.answering(scripts.peerregistryEnter, (reply) => status(known(reply)[1])),
  page: Script.answering(scripts.peerregistryPage, page),
  update: Script.answering(scripts.peerregistryUpdate, (reply): string | undefined => {
    const [, frame] = known(reply)
    return frame === undefined ? undefined : String(frame)
  }),
  leave: Script.answering(scripts.peerregistryLeave, (reply): void => void known(reply)),
  terms: Script.answering(scripts.peerregistryTerms, granted),
  leader: Script.answering(scripts.peerregistryLeader, leading)
}
