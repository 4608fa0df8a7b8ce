/** What the program's doors have in common: who may ask, and how a failure is answered. */
import { Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"

// -- answers ------------------------------------------------------------------------------------------------------

/** Bytes of what is posted. */
export const maxBody = 4096

/** A request that is refused before anything is done. */
export class Refused extends Schema.TaggedError<Refused>("examples/action-cluster/Refused")("Refused", {
  status: Schema.Int,
  why: Schema.String
}) {
  override get message(): string {
    return this.why
  }
}

/** What a failure is on the wire: a status, and a sentence to show. */
const statuses: Readonly<Record<string, number>> = {
  NotInReach: 409,
  TooManyPeers: 409,
  QueueFull: 409,
  Interrupted: 503,
  TooManyViewers: 503,
  RoomNotFound: 404,
  Rejected: 403,
  Unheard: 503,
  BackendError: 503
}

export const failed = (error: { readonly _tag: string; readonly message: string }) =>
  HttpServerResponse.jsonUnsafe(
    { error: error._tag, message: error.message },
    { status: error instanceof Refused ? error.status : (statuses[error._tag] ?? 500) }
  )

// -- who may ask --------------------------------------------------------------------------------------------------

/** This address, as the browser wrote it. On loopback only names of loopback: any other was pointed here by somebody. */
export const isHere = (host: string, isLoopback: boolean): boolean =>
  !isLoopback || /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i.test(host)

/** A browser says where a post comes from; who says nothing is not let in. */
export const isSameOrigin = ({ headers }: HttpServerRequest.HttpServerRequest): boolean => {
  const { host, origin } = headers
  const site = headers["sec-fetch-site"]
  if (site !== undefined && site !== "same-origin") return false
  if (origin === undefined) return site === "same-origin"
  return URL.canParse(origin) && new URL(origin).host === host
}

/**
 * Not from another site. A program that is no browser says nothing of where it comes from: what it may do, anybody may who
 * can reach this address.
 */
export const isNotElsewhere = (request: HttpServerRequest.HttpServerRequest): boolean => {
  const { headers } = request
  return (headers["origin"] === undefined && headers["sec-fetch-site"] === undefined) || isSameOrigin(request)
}
