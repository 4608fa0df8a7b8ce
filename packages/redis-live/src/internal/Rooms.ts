/** How rooms' actions, seats and words go to the scripts of lua/Chat and come back: flat arguments, replies. */
import type {
  Acted,
  Action,
  Asking,
  Holders,
  Keep,
  Look,
  Origin,
  Outcome,
  Seat,
  Seats,
  Swept,
  Words,
  WordsFrom
} from "@troupe/core/ChatStore"
import * as Name from "@troupe/core/Name"
import type { From, Page, Stored } from "@troupe/core/PubSubStore"
import * as Script from "./Script.ts"
import * as scripts from "./scripts.ts"

/** Scripts reckon in whole ms; what has no end ends later than anybody looks. */
const whole = (ms: number): number => Math.min(Math.ceil(ms), 2 ** 52)

// -- arguments ----------------------------------------------------------------------------------------------------

export const graceOf = ({ leaveGraceMs }: Keep): number => whole(leaveGraceMs)

export const historyOf = ({ history }: Keep) => ({
  size: history?.size ?? "",
  ttl: history === undefined ? "" : whole(history.timeToLiveMs)
})

/** Names are encoded once each: a step mostly speaks of few. */
const encoder = () => {
  const known = new Map<string, string>()
  return (name: string | undefined): string => {
    if (name === undefined) return ""
    let encoded = known.get(name)
    if (encoded === undefined) known.set(name, (encoded = Name.encode(name)))
    return encoded
  }
}

/** Five each. */
export const actionArgs = (actions: ReadonlyArray<Action>): ReadonlyArray<string> => {
  const encode = encoder()
  const args: Array<string> = []
  for (const action of actions) {
    switch (action._tag) {
      case "Join":
        args.push("J", encode(action.id), encode(action.ref), action.details, encode(action.over))
        break
      case "Update":
        args.push("U", encode(action.id), encode(action.ref), action.details, "")
        break
      case "Leave":
        args.push("L", encode(action.id), encode(action.ref), "", "")
        break
      case "Remove":
        args.push("R", encode(action.id), "", "", "")
        break
      case "Say":
        args.push("S", encode(action.from), encode(action.ref), action.payload, encode(action.dedupeKey))
        break
    }
  }
  return args
}

/** Whoever speaks does so again: its names are encoded once. */
export class Speaker {
  /** What its words begin with. */
  readonly head: string
  /** The membership that it last spoke of, and in which step; 0: in none. */
  ref = ""
  step = 0
  private readonly id: string
  private place = ""

  constructor(from: string) {
    this.id = Name.encode(from)
    this.head = `S ${this.id} `
  }

  /** Its place, as the room has it. */
  in(step: number, ref: string): string {
    this.step = step
    if (ref === this.ref) return this.place
    this.ref = ref
    return (this.place = `${this.id} ${Name.encode(ref)}`)
  }
}

/** Beyond, all are encoded anew. */
const mostSpeakers = 10_000
let steps = 0

/** What `say` takes: words without keys, of one membership a speaker, or of nobody's. Undefined: that is for `act`. */
export const sayArgs = (by: Asking, actions: ReadonlyArray<Action>, known: Map<string, Speaker>) => {
  if (known.size > mostSpeakers) known.clear()
  steps += 1
  let words = ""
  const speakers: Array<string> = []
  for (const action of actions) {
    if (action._tag !== "Say" || action.dedupeKey !== undefined) return undefined
    let speaker = known.get(action.from)
    if (speaker === undefined) known.set(action.from, (speaker = new Speaker(action.from)))
    if (action.ref !== undefined && !(speaker.step === steps && speaker.ref === action.ref)) {
      // Of two memberships of one member, one is none any more.
      if (speaker.step === steps) return undefined
      speakers.push(speaker.in(steps, action.ref))
    }
    words += words === "" ? speaker.head + action.payload : `\n${speaker.head}${action.payload}`
  }
  return actions.length === 0 ? undefined : { peer: Name.encode(by.id), count: actions.length, words, speakers }
}

type Ending = Extract<Action, { readonly _tag: "Leave" | "Remove" }>

/** They free: a full server takes them. */
export const areEndings = (actions: ReadonlyArray<Action>): actions is ReadonlyArray<Ending> =>
  actions.every(({ _tag }) => _tag === "Leave" || _tag === "Remove")

/** Three each. */
export const endingArgs = (endings: ReadonlyArray<Ending>): ReadonlyArray<string> =>
  endings.flatMap((ending) =>
    ending._tag === "Leave" ? ["L", Name.encode(ending.id), Name.encode(ending.ref)] : ["R", Name.encode(ending.id), ""]
  )

export const placeOf = (from: From) => ({
  from: from._tag,
  epoch: from._tag === "After" ? from.epoch : "",
  number: from._tag === "After" ? from.sequence : from._tag === "Last" ? from.count : 0
})

export const bookmarkOf = (from: WordsFrom) => ({
  from: from._tag,
  epoch: from._tag === "After" ? from.bookmark.epoch : "",
  sequence: from._tag === "After" ? from.bookmark.sequence : from._tag === "Last" ? from.count : 0,
  number: from._tag === "After" ? from.bookmark.number : ""
})

// -- replies ------------------------------------------------------------------------------------------------------

/** A reply of this format; anything else was left as it is. */
const known = (reply: unknown): ReadonlyArray<unknown> => {
  if (!Array.isArray(reply) || reply[0] !== "") throw new TypeError("the data is not of a format known here")
  return reply
}

const given = <A>(value: A | undefined): A => {
  if (value === undefined) throw new TypeError("the data holds what is not of a format known here")
  return value
}

const name = (encoded: unknown): string => given(Name.decode(String(encoded)))
const ms = (text: unknown): number | undefined => (text === "" ? undefined : Number(text))

const outcome = (said: unknown, epoch: string): Outcome => {
  if (typeof said === "number") return { _tag: "Said", epoch, sequence: said }
  const text = String(said)
  const rest = text.slice(1)
  switch (text[0]) {
    case "J":
      return { _tag: "Joined", joinedAt: Number(rest) }
    case "T":
      return { _tag: "Taken", peer: name(rest.split(" ")[0]), name: name(rest.split(" ")[1]) }
    case "G":
      return { _tag: "Gone" }
    case "D":
      return { _tag: "Done" }
    case "E": {
      const end = rest.indexOf(" ")
      return { _tag: "Said", epoch: rest.slice(0, end), sequence: Number(rest.slice(end + 1)) }
    }
    case "N":
      return { _tag: "NotMember" }
    default:
      throw new TypeError("an outcome is not of a format known here")
  }
}

/** Both are missing where there is no room. */
const origin = (epoch: unknown, server: unknown): Origin | undefined =>
  epoch === undefined ? undefined : { epoch: String(epoch), server: String(server) }

const noRoom: Acted = { outcomes: undefined, origin: undefined, dueInMs: undefined }

const acted = (reply: unknown): Acted => {
  const [, epoch, run, due, ...said] = known(reply)
  return epoch === undefined
    ? noRoom
    : { outcomes: said.map((one) => outcome(one, String(epoch))), origin: origin(epoch, run), dueInMs: ms(due) }
}

/** Of so many words; undefined: nothing was said, for one of them may not be. */
const spoken = (reply: unknown): ((count: number) => Acted) | undefined => {
  const [, epoch, run, due, first] = known(reply)
  if (epoch === undefined) return () => noRoom
  if (typeof first !== "number") return undefined
  return (count) => ({
    outcomes: Array.from({ length: count }, (_, i) => ({ _tag: "Said", epoch: String(epoch), sequence: first + i })),
    origin: origin(epoch, run),
    dueInMs: ms(due)
  })
}

const look = (reply: unknown): Look | undefined => {
  const [, members, epoch, sequence] = known(reply)
  return members === undefined
    ? undefined
    : { members: Number(members), epoch: String(epoch), sequence: Number(sequence) }
}

/** `<ref> <peer> <peer's name> <joined at> <details>` */
const seat = (id: unknown, text: unknown): Seat => {
  const [, peer, joinedAt, details] = given(/^\S+ \S+ (\S+) (\d+) (.*)$/s.exec(String(text)) ?? undefined)
  return { id: name(id), peer: name(peer), joinedAt: Number(joinedAt), details: given(details) }
}

const seats = (reply: unknown): Seats | undefined => {
  const head = look(reply)
  if (head === undefined) return undefined
  const [cursor, ...rest] = known(reply).slice(4)
  const seats: Array<Seat> = []
  for (let i = 0; i + 1 < rest.length; i += 2) seats.push(seat(rest[i], rest[i + 1]))
  return { ...head, seats, cursor: String(cursor) }
}

const place = (text: unknown) => {
  const [id, ref] = String(text).split(" ")
  return { id: name(id), ref: name(ref) }
}

const holders = (reply: unknown): Holders | undefined => {
  const [, epoch, run, due, cursor, count, ...rest] = known(reply)
  const from = origin(epoch, run)
  return (
    from && {
      origin: from,
      peers: rest.slice(0, Number(count)).map(name),
      places: rest.slice(Number(count)).map(place),
      cursor: String(cursor),
      dueInMs: ms(due)
    }
  )
}

/** The sequence of the first, "<epoch> <at> <publisher>", texts, a line each, ... */
const stored = (reply: ReadonlyArray<unknown>, from: number): ReadonlyArray<Stored> => {
  const entries: Array<Stored> = []
  for (let i = from; i + 2 < reply.length; i += 3) {
    const [epoch, at, encoded] = String(reply[i + 1]).split(" ")
    const head = { epoch: given(epoch), at: Number(at), publisher: name(encoded) }
    let sequence = Number(reply[i])
    for (const payload of String(reply[i + 2]).split("\n")) entries.push({ ...head, sequence: sequence++, payload })
  }
  return entries
}

const reasons = ["HistoryTrimmed", "EpochChanged", "Rewound"] as const

const page = (reply: unknown): Page => {
  const parts = known(reply)
  const [, epoch, sequence, end, gap, missed] = parts
  const reason = reasons.find((reason) => reason === gap)
  return {
    gap: reason && { reason, missed: ms(missed) },
    entries: stored(parts, 6),
    epoch: String(epoch),
    sequence: Number(sequence),
    end: end === 1
  }
}

const words = (reply: unknown): Words | undefined => {
  const parts = known(reply)
  const [, epoch, sequence, number, lost, end] = parts
  return epoch === undefined
    ? undefined
    : {
        words: stored(parts, 6),
        bookmark: { epoch: String(epoch), sequence: Number(sequence), number: Number(number) },
        lost: lost === 1,
        end: end === 1
      }
}

const texts = (reply: unknown): ReadonlyArray<string> => known(reply).slice(1).map(String)
const nothing = (reply: unknown): void => void known(reply)

export const scripted = {
  create: Script.answering(scripts.chatCreate, (reply) => known(reply)[1] === 1),
  destroy: Script.answering(scripts.chatDestroy, (reply): number | undefined => {
    const [, listed] = known(reply)
    return listed === undefined ? undefined : Number(listed)
  }),
  act: Script.answering(scripts.chatAct, acted),
  say: Script.answering(scripts.chatSay, spoken),
  leave: Script.answering(scripts.chatLeave, acted),
  look: Script.answering(scripts.chatLook, look),
  seats: Script.answering(scripts.chatSeats, seats),
  read: Script.answering(scripts.chatRead, page),
  words: Script.answering(scripts.chatWords, words),
  sweep: Script.answering(scripts.chatSweep, (reply): Swept => {
    const [, left, due, epoch, run] = known(reply)
    return { left: Number(left), origin: origin(epoch, run), dueInMs: ms(due) }
  }),
  holders: Script.answering(scripts.chatHolders, holders),
  server: Script.answering(scripts.chatServer, (reply) => String(known(reply)[1])),
  list: Script.answering(scripts.chatList, (reply) => Number(known(reply)[1])),
  unlist: Script.answering(scripts.chatUnlist, nothing),
  prune: Script.answering(scripts.chatPrune, nothing),
  rooms: Script.answering(scripts.chatRooms, (reply) => {
    const [hasMore, ...rooms] = known(reply).slice(1)
    const names = rooms.map(String)
    return { rooms: names, cursor: hasMore === 1 ? (names.at(-1) ?? "") : "" }
  }),
  enter: Script.answering(scripts.chatEnter, (reply) => {
    const [, gone, life] = known(reply)
    return { gone: gone === 1, life: String(life) }
  }),
  exit: Script.answering(scripts.chatExit, nothing),
  bury: Script.answering(scripts.chatBury, texts),
  peers: Script.answering(scripts.chatPeers, (reply) => texts(reply).map(name))
}
