/**
 * From what Redis and the network say to a reason and an honest outcome. The raw error of ioredis goes no further than
 * here: it carries the arguments of its command, the password among them (E9).
 */
import {
  BackendError,
  Busy,
  CapacityExceeded,
  Closed,
  ConnectionLost,
  CorruptData,
  Forbidden,
  Misconfigured,
  type Reason,
  TimedOut,
  Unauthenticated,
  Unavailable,
  WritesRefused
} from "@troupe/core/BackendError"
import * as Duration from "effect/Duration"

export interface Failure {
  readonly reason: Reason
  readonly outcome: BackendError["outcome"]
}

export const backendError = (service: string, operation: string, failure: Failure): BackendError =>
  new BackendError({ service, operation, reason: failure.reason, outcome: failure.outcome })

const notApplied = (reason: Reason): Failure => ({ reason, outcome: "NotApplied" })
const unknown = (reason: Reason): Failure => ({ reason, outcome: "Unknown" })

export const unavailable = (message: string, retryAfterMs?: number): Failure =>
  notApplied(
    new Unavailable(
      retryAfterMs === undefined ? { message } : { message, retryAfter: Duration.millis(Math.ceil(retryAfterMs)) }
    )
  )
export const connectionLost = (where: string): Failure =>
  unknown(new ConnectionLost({ message: `the connection to ${where} was lost before it answered` }))
export const timedOut = (ms: number, sent: boolean): Failure =>
  sent
    ? unknown(new TimedOut({ message: `no answer within ${ms} ms` }))
    : notApplied(new TimedOut({ message: `could not be sent within ${ms} ms` }))
export const closed = (sent: boolean): Failure =>
  (sent ? unknown : notApplied)(new Closed({ message: "the layer is closed" }))
export const full = (message: string): Failure => notApplied(new CapacityExceeded({ message }))
export const misconfigured = (message: string): Failure => notApplied(new Misconfigured({ message }))
export const undecodable = (): Failure =>
  unknown(new CorruptData({ message: "the reply is not what this version of Troupe knows" }))

/** An error that the server answered, as apart from one of the network or of ioredis. */
export const isReply = (error: unknown): error is Error => error instanceof Error && error.name === "ReplyError"

const codeOf = (message: string): string => /^[A-Z][A-Z0-9]+/.exec(message)?.[0] ?? "ERR"

/** The code of a server's answer: `MOVED`, `NOSCRIPT`, `OOM` … */
export const replyCode = (error: Error): string => codeOf(error.message)

/** An error inside a script ends so on 7.0 and later. What the script wrote before it stays. */
const insideScript = /\s*script: [0-9a-f]{40}, on @user_script:\d+\.?$/

const shown = (message: string): string => {
  const cut = message.replace(insideScript, "").replace(/,? with args beginning with:[\s\S]*$/, "")
  return `the server answered: ${cut.length > 200 ? `${cut.slice(0, 200)}…` : cut}`
}

/** What a server's error answer means. */
export const fromReply = (error: Error): Failure => {
  const message = error.message
  const text = { message: shown(message) }
  const failure = insideScript.test(message) ? unknown : notApplied
  switch (codeOf(message)) {
    case "LOADING":
      return notApplied(new Unavailable(text))
    case "BUSY":
    case "TRYAGAIN":
      return notApplied(new Busy(text))
    case "READONLY":
    case "MASTERDOWN":
    case "MISCONF":
    case "NOREPLICAS":
    case "CLUSTERDOWN":
      return failure(new WritesRefused(text))
    case "OOM":
      return failure(new CapacityExceeded(text))
    case "NOAUTH":
    case "WRONGPASS":
      return notApplied(new Unauthenticated(text))
    case "NOPERM":
      return failure(new Forbidden(text))
    case "MOVED":
    case "ASK":
      return notApplied(new Misconfigured({ message: "the server belongs to a cluster: give its nodes as `cluster`" }))
    case "CROSSSLOT":
    case "NOPROTO":
    case "DENIED":
    case "EXECABORT":
      return notApplied(new Misconfigured(text))
    case "ERR":
      if (/max number of clients/.test(message)) return notApplied(new Unavailable(text))
      if (/Script killed/.test(message)) return notApplied(new Busy(text))
      if (/ACL failure in script|The user executing the script/.test(message)) return failure(new Forbidden(text))
      if (/invalid password|AUTH <password>|invalid username-password/.test(message)) {
        return notApplied(new Unauthenticated(text))
      }
      if (/cluster support disabled/.test(message)) {
        return misconfigured("the server is no cluster: give it as `url`")
      }
      if (/unknown command|unknown subcommand|DB index/i.test(message)) return notApplied(new Misconfigured(text))
      return failure(new CorruptData(text))
    default:
      return failure(new CorruptData(text))
  }
}

const certificate =
  /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/

const codeProperty = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]*$/.test(error.code)
    ? error.code
    : undefined

/** No connection, for a reason that is known already. */
export class OpeningError extends Error {
  readonly failure: Failure
  constructor(failure: Failure) {
    super(failure.reason.message)
    this.failure = failure
  }
}

/** Why no connection came about. Nothing was sent. */
export const fromOpening = (where: string, error: unknown): Failure => {
  if (error instanceof OpeningError) return error.failure
  if (isReply(error)) {
    const { reason } = fromReply(error)
    return notApplied(
      reason._tag === "Unauthenticated"
        ? new Unauthenticated({
            message: `${where} did not accept the name or the password (${codeOf(error.message)})`
          })
        : reason._tag === "Misconfigured"
          ? new Misconfigured({ message: `${where}: ${reason.message}` })
          : reason._tag === "Forbidden"
            ? new Forbidden({ message: `${where}: ${reason.message}` })
            : new Unavailable({ message: `${where}: ${reason.message}` })
    )
  }
  const code = codeProperty(error)
  return code !== undefined && certificate.test(code)
    ? notApplied(new Misconfigured({ message: `${where}: TLS failed: ${code}` }))
    : notApplied(new Unavailable({ message: `cannot reach ${where}: ${code ?? "the connection was closed"}` }))
}

/** Why a promise of `RedisClient.use` was rejected: what the caller's own code threw is not ours to repeat. */
export const fromUse = (where: string, error: unknown): Failure => {
  if (isReply(error)) return fromReply(error)
  const message = error instanceof Error ? error.message : ""
  if (/enableOfflineQueue|None of startup nodes|All sentinels|Failed to refresh slots/.test(message)) {
    return notApplied(new Unavailable({ message: `not connected to ${where}` }))
  }
  return connectionLost(where)
}
