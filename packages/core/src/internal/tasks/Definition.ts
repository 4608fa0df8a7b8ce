/** What a task's definition knows with its types: its three texts, its keys, and which failures are worth another try. */
import type * as Schema from "effect/Schema"
import { Text } from "../Text.ts"

export interface Options<A, B, E> {
  readonly payload: Schema.Codec<A, unknown>
  readonly success: Schema.Codec<B, unknown>
  readonly error: Schema.Codec<E, unknown>
  readonly retryWhile: ((error: E) => boolean) | undefined
  readonly uniqueKey: ((payload: A) => string) | undefined
  readonly placeKey: ((payload: A) => string) | undefined
}

export class Definition<in out A, in out B, in out E> {
  readonly payload: Text<A>
  readonly success: Text<B>
  readonly error: Text<E>
  readonly retryWhile: ((error: E) => boolean) | undefined
  readonly uniqueKey: ((payload: A) => string) | undefined
  readonly placeKey: ((payload: A) => string) | undefined

  constructor(options: Options<A, B, E>) {
    this.payload = new Text(options.payload)
    this.success = new Text(options.success)
    this.error = new Text(options.error)
    this.retryWhile = options.retryWhile
    this.uniqueKey = options.uniqueKey
    this.placeKey = options.placeKey
  }
}
