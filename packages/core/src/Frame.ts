/**
 * What travels on a channel: one or more messages of one publisher that left together. The first line says who and
 * where, each further line is one payload (JSON text never holds a raw line feed):
 *
 *     1 <epoch> <sequence of the first> <ms since 1970> <publisher, percent-encoded>
 *
 * The leading number is the format's version (promise A10). The history script writes the same line.
 */
import * as Name from "./Name.ts"
import type { Stored } from "./PubSubStore.ts"

export const version = "1"

export const header = (epoch: string, first: number, at: number, publisher: string): string =>
  `${version} ${epoch} ${first} ${at} ${Name.encode(publisher)}`

export const encode = (header: string, payloads: ReadonlyArray<string>): string => `${header}\n${payloads.join("\n")}`

/** Undefined for what is no frame, or one of a version unknown here. */
export const decode = (frame: string): ReadonlyArray<Stored> | undefined => {
  const end = frame.indexOf("\n")
  if (end < 0) return undefined
  const fields = frame.slice(0, end).split(" ")
  const [format, epoch, first, at, encoded] = fields
  if (format !== version || fields.length !== 5 || epoch === undefined || encoded === undefined) return undefined
  const sequence = Number(first)
  const ms = Number(at)
  if (!Number.isSafeInteger(sequence) || !Number.isFinite(ms)) return undefined
  const publisher = Name.decode(encoded)
  if (publisher === undefined) return undefined
  const body = frame.slice(end + 1)
  if (body.indexOf("\n") < 0) return [{ epoch, sequence, at: ms, publisher, payload: body }]
  return body.split("\n").map((payload, i) => ({ epoch, sequence: sequence + i, at: ms, publisher, payload }))
}
