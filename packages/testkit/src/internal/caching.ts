/** How the laws of Cache speak: regions, peers that read and write them, and what a call costs. */
import * as Cache from "@troupe/core/Cache"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import type { Node, World } from "../World.ts"

export type Caches = World<Cache.Cache>
export type Law = (world: Caches) => Effect.Effect<void, unknown, Scope.Scope>
export type Peer = Node<Cache.Cache>

export const Numbers = Cache.region("numbers", { value: Schema.Int, timeToLive: "1 minute" })
/** A number lives for so many seconds as it is. */
export const Seconds = Cache.region("seconds", { value: Schema.Int, timeToLive: (seconds) => `${seconds} seconds` })
export const Sliding = Cache.region("sliding", { value: Schema.Int, timeToLive: "10 seconds", sliding: true })
export const Stale = Cache.region("stale", { value: Schema.Int, timeToLive: "10 seconds", staleFor: "1 hour" })

export const on = <A, E, R>(peer: Peer, use: (cache: Cache.Service) => Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.flatMap(Cache.Cache, use), peer.context)

export const set = <K, A>(peer: Peer, region: Cache.Region<K, A>, key: K, value: A, options?: Cache.SetOptions) =>
  on(peer, (cache) => cache.set(region, key, value, options))

/** The value, or undefined where nothing is there. */
export const get = <K, A>(peer: Peer, region: Cache.Region<K, A>, key: K) =>
  Effect.map(
    on(peer, (cache) => cache.get(region, key)),
    Option.getOrUndefined
  )

export const getMany = <K, A>(peer: Peer, region: Cache.Region<K, A>, keys: Iterable<K>) =>
  Effect.map(
    on(peer, (cache) => cache.getMany(region, keys)),
    (values) => values.map(Option.getOrUndefined)
  )

/** What is left of its time, in ms; undefined where nothing is there. */
export const left = <K, A>(peer: Peer, region: Cache.Region<K, A>, key: K) =>
  Effect.map(
    on(peer, (cache) => cache.timeToLive(region, key)),
    (left) => Option.getOrUndefined(Option.map(left, Duration.toMillis))
  )
/** Each once, sorted. */
export const keysOf = <K, A>(peer: Peer, region: Cache.Region<K, A>) =>
  Effect.map(
    on(peer, (cache) => Stream.runCollect(cache.keys(region))),
    (keys) => [...new Set(keys)].sort()
  )

/** What every way of looking says: that it is there, or that it is not. */
export const assertThere = <K, A>(peer: Peer, region: Cache.Region<K, A>, key: K, value: A | undefined) =>
  on(peer, (cache) =>
    Effect.gen(function* () {
      const isThere = value !== undefined
      assert.equal(Option.isSome(yield* cache.timeToLive(region, key)), isThere)
      assert.deepEqual((yield* Stream.runCollect(cache.keys(region))).includes(key), isThere)
      assert.equal(yield* cache.has(region, key), isThere)
      assert.deepEqual(Option.getOrUndefined(yield* cache.get(region, key)), value)
      assert.deepEqual((yield* cache.getMany(region, [key])).map(Option.getOrUndefined), [value])
      if (!isThere) assert.equal(yield* cache.touch(region, key, "1 hour"), false)
    })
  )

/** What it gives, and when it sent its requests. */
export const costOf = <A, E, R>(peer: Peer, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = (yield* peer.requests).length
    const answer = yield* effect
    return { answer, requests: (yield* peer.requests).slice(before) }
  })

export const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

export const two = (world: Caches) => Effect.all([world.spawn(), world.spawn()])
export const three = (world: Caches) => Effect.all([world.spawn(), world.spawn(), world.spawn()])

/** Names and keys that are easily taken for another, for a pattern, or for a part of a key. */
export const lookAlikes: ReadonlyArray<string> = [
  "a",
  "ab",
  "a:b",
  "a{b}",
  "*",
  "a*",
  "?",
  "[a]",
  "%",
  "a%3Ab",
  "#1",
  "##1",
  "1",
  " ",
  "a\nb",
  "日本",
  "\u0000",
  "\\",
  "v:a",
  "__proto__",
  "x".repeat(512)
]
