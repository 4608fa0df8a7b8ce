/**
 * What a command of somebody else's does to the connection it is sent on: whether others may share it meanwhile, and
 * how long it may take.
 */
import { type Failure, misconfigured } from "./errors.ts"

/** Answered with pushes, not at all, or for good: whoever sends and waits for one answer cannot use them anywhere. */
const nowhere: ReadonlySet<string> = new Set([
  "SUBSCRIBE",
  "PSUBSCRIBE",
  "SSUBSCRIBE",
  "UNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
  "MONITOR",
  "HELLO",
  "AUTH",
  "RESET",
  "QUIT",
  "SYNC",
  "PSYNC",
  "REPLCONF"
])

/** What they change stays with the connection. */
const changing: ReadonlySet<string> = new Set(["SELECT", "READONLY", "READWRITE", "ASKING"])
const changingClient: ReadonlySet<string> = new Set([
  "SETNAME",
  "SETINFO",
  "TRACKING",
  "CACHING",
  "NO-EVICT",
  "NO-TOUCH",
  "IMPORT-SOURCE"
])

const transactional: ReadonlySet<string> = new Set(["MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"])

/** Where a blocking command says how long, and in which unit. */
interface Bound {
  readonly at: "first" | "last"
  readonly ms: number
}
const bound = (names: ReadonlyArray<string>, bound: Bound) => names.map((name): [string, Bound] => [name, bound])

const blocking: ReadonlyMap<string, Bound> = new Map([
  ...bound(["BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX"], { at: "last", ms: 1_000 }),
  ...bound(["BLMPOP", "BZMPOP"], { at: "first", ms: 1_000 }),
  ...bound(["WAIT", "WAITAOF"], { at: "last", ms: 1 })
])

type Args = ReadonlyArray<string>

const upper = (text: string | undefined): string => (text ?? "").toUpperCase()

/** A name that stands for a stream comes after STREAMS. */
const blockOf = (name: string, args: Args): string | undefined => {
  if (name !== "XREAD" && name !== "XREADGROUP") return undefined
  for (let i = 0; i < args.length && upper(args[i]) !== "STREAMS"; i++) {
    // What follows these is a name or a number, whatever it reads.
    if (upper(args[i]) === "GROUP") i += 2
    else if (upper(args[i]) === "COUNT") i += 1
    else if (upper(args[i]) === "BLOCK") return args[i + 1] ?? ""
  }
  return undefined
}

/** How long the server may keep it, ms, beyond what any answer takes: infinite where it says 0, none if it never blocks. */
export const blocksMs = (command: string, args: Args): number => {
  const name = upper(command)
  const rule = blocking.get(name)
  const given = rule === undefined ? blockOf(name, args) : rule.at === "first" ? args[0] : args.at(-1)
  if (given === undefined) return 0
  const ms = Number(given) * (rule?.ms ?? 1)
  // The server refuses what is no time.
  return ms === 0 ? Number.POSITIVE_INFINITY : ms > 0 ? ms : 0
}

const isBlocking = (name: string, args: Args): boolean => blocking.has(name) || blockOf(name, args) !== undefined

const changes = (name: string, args: Args): boolean =>
  changing.has(name) ||
  (name === "CLIENT" && changingClient.has(upper(args[0]))) ||
  (name === "SCRIPT" && upper(args[0]) === "DEBUG")

/** Why it may not be sent on a connection that others share, or on one of the caller's own. Nothing was sent. */
export const refusal = (command: string, args: Args, on: "shared" | "reserved"): Failure | undefined => {
  const name = upper(command)
  if (nowhere.has(name) || (name === "CLIENT" && upper(args[0]) === "REPLY")) {
    return misconfigured(`${name} has no single answer, or ends what the connection is: it cannot be sent`)
  }
  return on === "shared" && (isBlocking(name, args) || transactional.has(name) || changes(name, args))
    ? misconfigured(`${name} holds or changes the connection, which is shared: send it on a reserved one`)
    : undefined
}

/** What a connection has become by what was sent on it. */
export class Marks {
  private changed = false
  /** Between MULTI and EXEC: nothing is answered but that it is queued. */
  queueing = false
  private watching = false

  /** Whoever has it next would notice. */
  get isDirty(): boolean {
    return this.changed || this.queueing || this.watching
  }

  note(command: string, args: Args): void {
    const name = upper(command)
    if (changes(name, args)) this.changed = true
    else if (name === "MULTI") this.queueing = true
    else if (name === "WATCH") this.watching = true
    else if (name === "EXEC" || name === "DISCARD") this.queueing = this.watching = false
    else if (name === "UNWATCH" && !this.queueing) this.watching = false
  }
}
