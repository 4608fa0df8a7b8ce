/** What RedisOptions mean, checked once: a bad or contradictory one is `Misconfigured`, naming field and rule (A6). */
import { BackendError } from "@troupe/core/BackendError"
import * as Name from "@troupe/core/Name"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { createSecureContext } from "node:tls"
import type { RedisOptions } from "../RedisClient.ts"
import * as Keys from "./Keys.ts"
import type { Endpoint, TlsSettings } from "./Session.ts"

export type Place =
  | { readonly _tag: "Server"; readonly endpoint: Endpoint }
  | { readonly _tag: "Cluster"; readonly nodes: ReadonlyArray<Endpoint> }
  | { readonly _tag: "Sentinel"; readonly name: string; readonly nodes: ReadonlyArray<Endpoint> }

export interface Settings {
  readonly place: Place
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly tls: TlsSettings | undefined
  readonly keyPrefix: string
  readonly commandTimeoutMs: number
}

class Fault {
  readonly field: string
  readonly rule: string
  constructor(field: string, rule: string) {
    this.field = field
    this.rule = rule
  }
}

const refuse = (field: string, rule: string): never => {
  throw new Fault(field, rule)
}

export const make = (options: RedisOptions): Effect.Effect<Settings, BackendError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(read(options))
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      return Effect.fail(Name.misconfigured("RedisClient", "layer", error.field, error.rule))
    }
  })

const read = (options: RedisOptions): Settings => {
  const given = (["url", "cluster", "sentinel"] as const).filter((field) => options[field] !== undefined)
  if (given.length > 1) refuse(given.join(" and "), "exclude each other")
  const url = readUrl(options)
  const place: Place =
    options.cluster !== undefined
      ? { _tag: "Cluster", nodes: endpoints("cluster", options.cluster) }
      : options.sentinel !== undefined
        ? {
            _tag: "Sentinel",
            name: text("sentinel.name", options.sentinel.name),
            nodes: endpoints("sentinel.nodes", options.sentinel.nodes)
          }
        : { _tag: "Server", endpoint: url.endpoint }
  if (options.username !== undefined && url.username !== undefined) refuse("username", "stands in url too")
  if (options.password !== undefined && url.password !== undefined) refuse("password", "stands in url too")
  const username = options.username ?? url.username
  const password = options.password === undefined ? url.password : Redacted.value(options.password)
  if (username !== undefined && password === undefined) refuse("username", "needs a password")
  if (options.tls !== undefined && given.includes("url") && !url.isSecure) refuse("tls", "needs a rediss:// url")

  const name = options.prefix ?? "troupe"
  const fault = Name.fault(name)
  if (fault !== undefined) refuse("prefix", fault)
  return {
    place,
    username,
    password,
    database: url.database,
    tls: options.tls !== undefined || url.isSecure ? tls(options.tls) : undefined,
    keyPrefix: Keys.prefix(name, url.database),
    commandTimeoutMs: timeout(options.commandTimeout)
  }
}

interface Url {
  readonly endpoint: Endpoint
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly isSecure: boolean
}

/** Says nothing of the url itself, which may hold the password. */
const readUrl = ({ url }: RedisOptions): Url => {
  const raw = url === undefined ? "redis://127.0.0.1:6379" : Redacted.isRedacted(url) ? Redacted.value(url) : url
  const parsed = URL.canParse(raw) ? new URL(raw) : refuse("url", "must be redis://[user:password@]host:port/db")
  const { hash, hostname, pathname, port, protocol, search } = parsed
  if (protocol !== "redis:" && protocol !== "rediss:") refuse("url", "must begin with redis:// or rediss://")
  if (hostname === "") refuse("url", "must name a host")
  if (search !== "" || hash !== "") refuse("url", "takes no parameters")
  const [, database = "0"] = /^\/?(\d{0,5})$/.exec(pathname) ?? refuse("url", "must end with the number of a database")
  return {
    endpoint: { host: decode(hostname).replace(/^\[(.*)\]$/, "$1"), port: port === "" ? 6379 : Number(port) },
    username: parsed.username === "" ? undefined : decode(parsed.username),
    password: parsed.password === "" ? undefined : decode(parsed.password),
    database: Number(database),
    isSecure: protocol === "rediss:"
  }
}

const decode = (part: string): string => Name.decode(part) ?? refuse("url", "is not percent-encoded text")

const text = (field: string, value: unknown): string =>
  typeof value === "string" && value !== "" ? value : refuse(field, "must not be empty")

const endpoints = (field: string, nodes: ReadonlyArray<Endpoint>): ReadonlyArray<Endpoint> => {
  if (nodes.length === 0) refuse(field, "must name at least one node")
  return nodes.map(({ host, port }, i) => ({
    host: text(`${field}[${i}].host`, host),
    port: Number.isInteger(port) && port > 0 && port < 65_536 ? port : refuse(`${field}[${i}].port`, "must be a port")
  }))
}

const tls = (options: RedisOptions["tls"]): TlsSettings => {
  const key = options?.key === undefined ? undefined : Redacted.value(options.key)
  if ((options?.cert === undefined) !== (key === undefined)) refuse("tls.cert and tls.key", "need each other")
  try {
    createSecureContext({
      ...(options?.ca === undefined ? {} : { ca: options.ca }),
      ...(options?.cert === undefined ? {} : { cert: options.cert }),
      ...(key === undefined ? {} : { key })
    })
  } catch {
    refuse("tls", "holds a certificate or a key that cannot be read")
  }
  return { ca: options?.ca, cert: options?.cert, key, servername: options?.servername }
}

const timeout = (input: Duration.Input | undefined): number => {
  if (input === undefined) return 5_000
  const ms = Option.match(Duration.fromInput(input), { onNone: () => Number.NaN, onSome: Duration.toMillis })
  return Number.isFinite(ms) && ms >= 1 && ms <= 2 ** 31 - 1
    ? ms
    : refuse("commandTimeout", "must be a time from 1 ms to 24 days")
}
