/** A page that talks, without a browser: it says what it likes, and reads as slowly as it likes. */
import { onTestFinished } from "vitest"
import type { Told } from "../Talk.ts"
import { until } from "./program.ts"

export interface Talker {
  /** All it was told so far. */
  readonly told: ReadonlyArray<Told>
  /** Frames that all this came in. */
  readonly frames: () => number
  readonly of: <Tag extends Told["_tag"]>(tag: Tag) => ReadonlyArray<Extract<Told, { readonly _tag: Tag }>>
  readonly ask: (ask: unknown) => void
  readonly say: (text: string, room?: string) => number
  /** From now on it says that it has read what it gets. */
  readonly read: () => void
  /** From now on it does not. */
  readonly rest: () => void
  readonly close: () => void
  /** The code it was hung up with. */
  readonly closed: Promise<number>
}

export interface Options {
  readonly seat?: string
  readonly peer?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly reads?: boolean
}

let seats = 0

export const connect = async (url: string, options: Options = {}): Promise<Talker> => {
  const { headers = { origin: url }, peer, reads = true, seat = `seat-${process.pid}-${++seats}` } = options
  const query = new URLSearchParams({ seat, ...(peer === undefined ? {} : { peer }) })
  // The options are those of Node's own.
  const socket = Reflect.construct(WebSocket, [`${url.replace("http", "ws")}/talk?${query}`, { headers }]) as WebSocket
  onTestFinished(() => socket.close())
  const told: Array<Told> = []
  let isReading = reads
  let last = 0
  let number = 0
  const ask = (what: unknown) => socket.send(typeof what === "string" ? what : JSON.stringify(what))
  const answer = () => {
    if (isReading && last > 0 && socket.readyState === 1) ask({ _tag: "Read", number: last })
  }
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data)) as { readonly number: number; readonly told: ReadonlyArray<Told> }
    last = frame.number
    told.push(...frame.told)
    answer()
  })
  const closed = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)))
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve())
    socket.addEventListener("error", () => reject(new Error("it was refused")))
  })
  return {
    told,
    frames: () => last,
    of: (tag) => told.filter((one): one is Extract<Told, { readonly _tag: typeof tag }> => one._tag === tag),
    ask,
    say: (text, room = "lobby") => {
      ask({ _tag: "Say", room, text, number: ++number })
      return number
    },
    read: () => {
      isReading = true
      answer()
    },
    rest: () => {
      isReading = false
    },
    close: () => socket.close(),
    closed
  }
}

/**
 * All of them speak, as fast as they may, until so many words are said: long ones, so that three hundred are more than the
 * eight frames of a page that reads nothing and what waits for it can hold, however seldom a frame is sent.
 */
export const flood = async (speakers: ReadonlyArray<Talker>, words: number) => {
  const count = () => speakers.reduce((sum, one) => sum + one.of("Done").length, 0)
  const asked = speakers.map((one) => one.of("Done").length + one.of("Refused").length)
  while (count() < words) {
    for (const [i, speaker] of speakers.entries()) {
      for (let j = 0; j < 8; j++) speaker.say(`${"a long word ".repeat(40)}${count()}`)
      asked[i]! += 8
    }
    await until("all were said or refused", () =>
      speakers.every((one, i) => one.of("Done").length + one.of("Refused").length === asked[i])
    )
  }
  return count()
}

/** It is in the room, under that name. */
export const join = async (talker: Talker, user: string, room = "lobby", word: string | null = null) => {
  const before = talker.of("In").length
  talker.ask({ _tag: "Join", room, user, word, after: null })
  await until(`${user} is in`, () => talker.of("In").length > before)
}

export const guest = async (url: string, user: string, options?: Options): Promise<Talker> => {
  const talker = await connect(url, options)
  await join(talker, user)
  return talker
}
