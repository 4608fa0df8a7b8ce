/** Names and keys: which are allowed, and how they are written so that no two of them meet (promise A6). */
import * as Effect from "effect/Effect"
import { BackendError, InvalidName, Misconfigured } from "./BackendError.ts"

/** The longest name in bytes of UTF-8. */
export const maxNameBytes = 512

/** How many bytes a string takes in UTF-8. Counts a lone surrogate as the three bytes of its replacement. */
export const byteLength = (text: string): number => {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) continue
    if (code < 0x800) bytes += 1
    else if (code >= 0xd800 && code < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 2
      i++
    } else bytes += 2
  }
  return bytes
}

/** What is wrong with a name, or undefined: the rule, without the name itself, which may be a user's secret. */
export const fault = (name: unknown): string | undefined =>
  typeof name !== "string"
    ? "must be a string"
    : name.length === 0
      ? "must not be empty"
      : name.length > maxNameBytes || (name.length * 3 > maxNameBytes && byteLength(name) > maxNameBytes)
        ? `must not be longer than ${maxNameBytes} bytes`
        : !name.isWellFormed()
          ? "must be well-formed text: it holds half of a surrogate pair"
          : undefined

const plain = /^[A-Za-z0-9_.-]+$/

/** Percent-encodes everything outside `[A-Za-z0-9_.-]`: injective, and no brace or colon reaches a key (E17). */
export const encode = (name: string): string =>
  plain.test(name)
    ? name
    : encodeURIComponent(name).replace(
        /[!~*'()]/g,
        (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`
      )

export const invalidName = (service: string, operation: string, field: string, rule: string): BackendError =>
  new BackendError({
    service,
    operation,
    reason: new InvalidName({ message: `${field} ${rule}` }),
    outcome: "NotApplied"
  })

export const misconfigured = (service: string, operation: string, field: string, rule: string): BackendError =>
  new BackendError({
    service,
    operation,
    reason: new Misconfigured({ message: `${field} ${rule}` }),
    outcome: "NotApplied"
  })

/** Fails with `InvalidName` where the name breaks a rule. */
export const check = (
  service: string,
  operation: string,
  field: string,
  name: unknown
): Effect.Effect<void, BackendError> => {
  const rule = fault(name)
  return rule === undefined ? Effect.void : Effect.fail(invalidName(service, operation, field, rule))
}

/** What `encode` was given, or undefined for what it never writes. */
export const decode = (encoded: string): string | undefined => {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}
