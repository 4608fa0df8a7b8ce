/**
 * A region as a game of any length: what readers, writers and loaders ask of the store, and what it answers. Two backends
 * that keep the laws give the same answers to the same game, whatever policy stands above them.
 */
import * as Store from "@troupe/core/CacheStore"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Node, World } from "../World.ts"

const below = (limit: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit - 1 }))
const entry = { key: below(5), life: below(6), kind: below(4), tags: below(4) }
const who = below(3)

// What makes values come and go is asked for more often than what looks at them.
const Operation = Schema.Union([
  Schema.TaggedStruct("Write", { who, first: Schema.Struct(entry), second: Schema.Struct(entry), absent: below(4) }),
  Schema.TaggedStruct("Write", { who, first: Schema.Struct(entry), second: Schema.Struct(entry), absent: below(4) }),
  Schema.TaggedStruct("Read", { who, keys: Schema.Array(below(5)) }),
  Schema.TaggedStruct("Read", { who, keys: Schema.Array(below(5)) }),
  Schema.TaggedStruct("Look", { who, key: below(5) }),
  Schema.TaggedStruct("Swap", { who, entry: Schema.Struct(entry), version: below(3), removes: below(3) }),
  Schema.TaggedStruct("Remove", { who, key: below(5), takes: below(2), version: below(4) }),
  Schema.TaggedStruct("Touch", { who, key: below(5), life: below(6) }),
  Schema.TaggedStruct("Acquire", { who, keys: Schema.Array(below(5)), tags: below(4), again: below(3) }),
  Schema.TaggedStruct("Acquire", { who, keys: Schema.Array(below(5)), tags: below(4), again: below(3) }),
  Schema.TaggedStruct("Renew", { who }),
  Schema.TaggedStruct("Commit", { who, life: below(6), kind: below(4) }),
  Schema.TaggedStruct("Commit", { who, life: below(6), kind: below(4) }),
  Schema.TaggedStruct("Release", { who }),
  Schema.TaggedStruct("Invalidate", { who, tags: below(4) }),
  Schema.TaggedStruct("Clear", { who, sweeps: below(3) }),
  Schema.TaggedStruct("List", { who }),
  Schema.TaggedStruct("Pass", { ms: below(7) }),
  Schema.TaggedStruct("Pass", { ms: below(7) })
])
export type Operation = typeof Operation.Type

/** Games of forty operations and more. */
export const games: Arbitrary.Arbitrary<ReadonlyArray<Operation>> = Arbitrary.array(Arbitrary.schema(Operation), {
  minLength: 40,
  maxLength: 80
})

const region = "the {region}"
const leaseMs = 10_000
const names = ["a", "b:c", "*", "ü", "#1"]
const lives = [0, 1, 1_000, 10_000, 3_600_000, Infinity]
const tagSets: ReadonlyArray<ReadonlyArray<string>> = [[], ["red"], ["blue"], ["red", "blue"]]
const spans = [0, 1, 999, 1_000, 5_000, 10_001, 3_600_000]

interface Player {
  readonly node: Node<Store.CacheStore>
  load: Store.Load
  /** What it has asked to load last. */
  keys: ReadonlyArray<string>
}

/** Plays it; gives every answer as comparable values. */
export const play = Effect.fnUntraced(function* (world: World<Store.CacheStore>, game: ReadonlyArray<Operation>) {
  const told: Array<unknown> = []
  const players: Array<Player> = []
  for (const n of [0, 1, 2]) {
    const node = yield* world.spawn({ name: `p${n}` })
    players.push({ node, load: { token: `p${n}`, leaseMs, tags: [] }, keys: [] })
  }
  /** The versions of a key that were read, the last first. */
  const versions = new Map<string, ReadonlyArray<string>>()
  const ask = <A>(player: Player, use: (store: Store.Service) => Effect.Effect<A, unknown>) =>
    Effect.map(Effect.exit(Effect.provide(Effect.flatMap(Store.CacheStore, use), player.node.context)), (exit) => {
      if (Exit.isFailure(exit)) told.push("refused")
      return Exit.isSuccess(exit) ? exit.value : undefined
    })
  const seen = (key: string, found: Store.Found | Store.Missing | undefined) => {
    // When what is over is given up is each store's own matter.
    if (!Store.isFound(found)) return "none"
    const known = versions.get(key) ?? []
    const isNew = known[0] !== found.version
    if (isNew) versions.set(key, [found.version, ...known])
    return [found.body, found.leftMs, isNew]
  }
  const shown = (key: string, answer: Store.Acquired) =>
    answer._tag === "Found"
      ? seen(key, answer.found)
      : [answer._tag, answer._tag === "Busy" && answer.leftMs, answer.stale && [answer.stale.body, answer.stale.leftMs]]
  const keysOf = (keys: ReadonlyArray<number>) => [...new Set(keys)].slice(0, 4).map((key) => names[key] ?? "a")

  for (const operation of game) {
    const player = players["who" in operation ? operation.who : 0]
    if (player === undefined) break
    const body = `"${told.length}"`
    told.push(operation._tag)
    switch (operation._tag) {
      case "Write": {
        const entries = [entryOf(operation.first, body), entryOf(operation.second, `${body}2`)]
        const when = operation.absent === 0 ? "Absent" : "Always"
        told.push(yield* ask(player, (store) => store.write(region, entries, when)))
        break
      }
      case "Read": {
        const keys = keysOf(operation.keys)
        if (keys.length === 0) break
        const found = yield* ask(player, (store) => store.read(region, keys, "Always"))
        told.push(found?.map((found, i) => seen(keys[i] ?? "", found)))
        break
      }
      case "Look":
        told.push(yield* ask(player, (store) => store.look(region, names[operation.key] ?? "a")))
        break
      case "Swap": {
        const entry = entryOf(operation.entry, body)
        const version = versions.get(entry.key)?.[operation.version]
        const next = operation.removes === 0 ? undefined : entry
        told.push(yield* ask(player, (store) => store.swap(region, entry.key, version, next)))
        break
      }
      case "Remove": {
        const key = names[operation.key] ?? "a"
        if (operation.takes === 0) told.push(yield* ask(player, (store) => store.remove(region, [key])))
        else {
          const version = operation.version === 3 ? "" : versions.get(key)?.[operation.version]
          told.push(seen(key, yield* ask(player, (store) => store.take(region, key, version))))
        }
        break
      }
      case "Touch": {
        const key = names[operation.key] ?? "a"
        told.push(yield* ask(player, (store) => store.touch(region, key, lives[operation.life] ?? 0)))
        break
      }
      case "Acquire": {
        const keys = keysOf(operation.keys)
        if (keys.length === 0) break
        const token = operation.again === 0 ? player.load.token : `${player.node.name} ${told.length}`
        const tags = operation.again === 0 ? player.load.tags : (tagSets[operation.tags] ?? [])
        player.load = { token, leaseMs, tags }
        player.keys = keys
        const answers = yield* ask(player, (store) => store.acquire(region, keys, player.load))
        told.push(answers?.map((answer, i) => shown(keys[i] ?? "", answer)))
        break
      }
      case "Renew":
        if (player.keys.length === 0) break
        told.push(yield* ask(player, (store) => store.renew(region, player.keys, player.load)))
        break
      case "Commit": {
        const { kind, life } = operation
        if (player.keys.length === 0) break
        const entries = player.keys.map((key) => ({
          ...entryOf({ key: 0, life, kind, tags: 0 }, body),
          key,
          tags: player.load.tags
        }))
        told.push(yield* ask(player, (store) => store.commit(region, entries, player.load)))
        break
      }
      case "Release":
        if (player.keys.length > 0) yield* ask(player, (store) => store.release(region, player.keys, player.load))
        break
      case "Invalidate": {
        const tags = tagSets[operation.tags] ?? []
        if (tags.length > 0) yield* ask(player, (store) => store.invalidate(region, tags))
        break
      }
      case "Clear":
        if (operation.sweeps > 0) yield* ask(player, (store) => store.sweep(region, ""))
        else yield* ask(player, (store) => store.clear(region))
        break
      case "List":
        told.push(yield* listed((cursor) => ask(player, (store) => store.page(region, cursor))))
        break
      case "Pass":
        yield* world.advance(spans[operation.ms] ?? 0)
    }
  }
  return structuredClone(told)
})

const listed = Effect.fnUntraced(function* (page: (cursor: string) => Effect.Effect<Store.Page | undefined>) {
  const keys = new Set<string>()
  let cursor = ""
  do {
    const next = yield* page(cursor)
    for (const key of next?.keys ?? []) keys.add(key)
    cursor = next?.cursor ?? ""
  } while (cursor !== "")
  return [...keys].sort()
})

const entryOf = (
  {
    key,
    kind,
    life,
    tags
  }: { readonly key: number; readonly kind: number; readonly life: number; readonly tags: number },
  body: string
): Store.Entry => {
  const timeToLiveMs = lives[life] ?? 0
  return {
    key: names[key] ?? "a",
    body,
    timeToLiveMs,
    isSliding: kind === 1 && timeToLiveMs !== Infinity,
    staleForMs: kind === 2 && timeToLiveMs !== Infinity ? 60_000 : 0,
    tags: tagSets[tags] ?? []
  }
}
