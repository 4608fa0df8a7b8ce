/**
 * What a definition's options are, as far as their types go: who writes JavaScript may give anything. A definition never
 * throws, so what is wrong is kept in it, and said by the first call that uses it (promise A6).
 */
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

/** Which option, and the rule that it breaks. */
export type Fault = readonly [field: string, rule: string]

/** The first that breaks a rule by what it is. How long, how many and how often is for `Limits.plan` to judge. */
export const fault = (options: unknown): Fault | undefined => {
  if (!isRecord(options)) return ["options", "must be an object"]
  const { concurrency, levels, payload, rateLimit, retry, retryWhile, unique } = options
  const isEachKnown = Array.isArray(levels) && levels.every((level) => typeof level === "string")
  const isKeyed = (value: unknown): boolean => isRecord(value) && typeof value["key"] === "function"
  const rules: ReadonlyArray<readonly [holds: boolean, ...fault: Fault]> = [
    ...Object.entries(options).map(([field, value]) => [value !== null, field, "must not be null"] as const),
    [
      payload === undefined || isWritable(payload) || isFields(payload),
      "payload",
      "must be a schema, or the fields of a struct"
    ],
    ...(["success", "error"] as const).map(
      (field) => [options[field] === undefined || isWritable(options[field]), field, "must be a schema"] as const
    ),
    [levels === undefined || isEachKnown, "levels", "must be an array of strings"],
    [retry === undefined || Schedule.isSchedule(retry), "retry", "must be a schedule"],
    [retryWhile === undefined || typeof retryWhile === "function", "retryWhile", "must be a function"],
    [
      unique === undefined || typeof unique === "function" || (isKeyed(unique) && isGiven(unique, "window")),
      "unique",
      "must be a function, or have one as its key, and a window"
    ],
    [
      concurrency === undefined || (isKeyed(concurrency) && !isNull(concurrency, "limit")),
      "concurrency",
      "must have a function as its key, and a limit or none"
    ],
    [
      rateLimit === undefined || (isGiven(rateLimit, "limit") && isGiven(rateLimit, "window")),
      "rateLimit",
      "must have a limit and a window"
    ]
  ]
  const broken = rules.find(([holds]) => !holds)
  return broken && [broken[1], broken[2]]
}

// -- internals ----------------------------------------------------------------------------------------------------

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isNull = (value: unknown, field: string): boolean => isRecord(value) && value[field] === null

const isGiven = (value: unknown, field: string): boolean =>
  isRecord(value) && value[field] !== undefined && value[field] !== null

const isFields = (value: unknown): boolean =>
  isRecord(value) &&
  (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) &&
  Object.getOwnPropertySymbols(value).length === 0 &&
  Object.values(value).every(isWritable)

/** A schema, and one that can be written as JSON. */
const isWritable = (value: unknown): boolean => {
  if (!Schema.isSchema(value)) return false
  try {
    Schema.toCodecJson(value)
    return true
  } catch {
    return false
  }
}
