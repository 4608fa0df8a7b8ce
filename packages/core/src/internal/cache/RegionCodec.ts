/** Between a region's keys and values and their texts: made once per definition. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { isSettled } from "../Settled.ts"
import * as Name from "../../Name.ts"
import { Text, Undecodable } from "../Text.ts"
import type { Client } from "./Client.ts"

export type Life<K, A> = Duration.Input | ((value: A, key: K) => Duration.Input)

export class RegionCodec<in out K, in out A> {
  readonly value: Text<A>
  readonly timeToLive: Life<K, A>
  /** One client per layer and region: kept here, where its types are known. */
  readonly clients = new WeakMap<object, Client<K, A>>()
  /** Keys are texts already: nothing of a schema runs. */
  private readonly isPlain: boolean
  private readonly toKey: (key: K) => Effect.Effect<string | number, Schema.SchemaError>
  private readonly fromKey: (key: unknown) => Effect.Effect<K, Schema.SchemaError>

  constructor(key: Schema.Codec<K, string | number>, value: Schema.Codec<A, unknown>, timeToLive: Life<K, A>) {
    this.value = new Text(value)
    this.timeToLive = timeToLive
    this.isPlain = Object.is(key, Schema.String)
    this.toKey = Schema.encodeUnknownEffect(key)
    this.fromKey = Schema.decodeUnknownEffect(key)
  }

  /** The text of a key to which no schema needs to be asked; undefined: it may be anything. */
  plainText(key: K): string | undefined {
    return this.isPlain && typeof key === "string" && Name.fault(key) === undefined ? textOf(key) : undefined
  }

  /** The text of a key, or what is wrong with the key. */
  encodeKey(key: K, fault: (key: string | number) => string | undefined): Effect.Effect<string, string> {
    const plain = this.plainText(key)
    if (plain !== undefined) return Exit.succeed(plain)
    const told = (encoded: string | number): Exit.Exit<string, string> => {
      const rule = fault(encoded)
      return rule === undefined ? Exit.succeed(textOf(encoded)) : Exit.fail(rule)
    }
    const encoded = this.toKey(key)
    if (isSettled(encoded)) return Exit.isSuccess(encoded) ? told(encoded.value) : misfit
    return Effect.flatMap(
      Effect.catchCause(encoded, () => misfit),
      told
    )
  }

  decodeKey(text: string): Effect.Effect<K, Undecodable> {
    return Effect.mapError(this.fromKey(keyOf(text)), () => notAKey)
  }
}

const misfit = Exit.fail("must fit its schema")
const notAKey = new Undecodable({ message: "it is no key of this region" })

// The number 1 and the string "1" are two keys: a number is marked, and so is a string that looks marked.
const mark = "#"
const textOf = (key: string | number): string =>
  typeof key === "number" ? `${mark}${key}` : key.startsWith(mark) ? `${mark}${key}` : key
const keyOf = (text: string): string | number =>
  !text.startsWith(mark) ? text : text.startsWith(mark, 1) ? text.slice(1) : Number(text.slice(1))
