/** Between a value and its text: JSON through its schema, made once per definition. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { PayloadTooLarge } from "../BackendError.ts"
import { byteLength } from "../Name.ts"
import { chained, isSettled } from "./Settled.ts"

/** What was kept does not fit the schema, or is no JSON. */
export class Undecodable extends Data.TaggedError("Undecodable")<{ readonly message: string }> {}

export class Text<A> {
  private readonly toJson: (value: A) => Effect.Effect<unknown, Schema.SchemaError>
  private readonly fromJson: (json: unknown) => Effect.Effect<A, Schema.SchemaError>

  constructor(schema: Schema.Codec<A, unknown>) {
    const json = Schema.toCodecJson(schema)
    this.toJson = Schema.encodeUnknownEffect(json)
    this.fromJson = Schema.decodeUnknownEffect(json)
  }

  encode(value: A): Effect.Effect<string, Schema.SchemaError> {
    return chained(this.toJson(value), written)
  }

  decode(text: string): Effect.Effect<A, Undecodable> {
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      return Exit.fail(notJson)
    }
    const value = this.fromJson(json)
    if (isSettled(value)) return Exit.isSuccess(value) ? Exit.succeed(value.value) : Exit.fail(undecodable)
    return Effect.catchCause(value, () => Effect.fail(undecodable))
  }
}

/** What a text may take of a batch: where so little is no problem, three bytes for a character will do for a count. */
const shareBytes = 2_048

/** No fewer bytes than it takes; counting them costs as much as writing them. */
export const weigh = (text: string): number => (text.length * 3 <= shareBytes ? text.length * 3 : byteLength(text))

/** What is wrong with a text that may take so many bytes. */
export const tooLarge = (text: string, limit: number): PayloadTooLarge | undefined => {
  if (text.length * 3 <= limit) return undefined
  const bytes = byteLength(text)
  return bytes <= limit ? undefined : new PayloadTooLarge({ bytes, limit })
}

/** Not every schema makes sure that it is JSON: Schema.Any lets anything through. */
const written = (json: unknown): Exit.Exit<string, Schema.SchemaError> => {
  try {
    const text: string | undefined = JSON.stringify(json)
    if (text !== undefined) return Exit.succeed(text)
  } catch {
    // Said by what follows, without the value's own words (promise A9).
  }
  return Exit.fail(new Schema.SchemaError(new SchemaIssue.InvalidType(Schema.Json.ast)))
}

// A schema's own words name values (promise A9).
const undecodable = new Undecodable({ message: "it does not fit the schema" })
const notJson = new Undecodable({ message: "it is no JSON" })
