/**
 * A queue as a game of any length: what claimers, enqueuers and onlookers ask of the store, and what it answers. Two
 * backends that keep the laws give the same answers to the same game, whatever policy stands above them.
 */
import * as Store from "@troupe/core/TaskQueueStore"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Node, World } from "../World.ts"

const below = (limit: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit - 1 }))
const who = below(3)

const Enqueue = Schema.TaggedStruct("Enqueue", {
  who,
  count: below(4),
  lane: below(4),
  due: below(4),
  kind: below(6),
  same: below(5)
})
const Step = Schema.TaggedStruct("Step", {
  who,
  ends: Schema.Array(below(9)),
  free: below(5),
  ahead: below(3),
  suspect: Schema.Boolean,
  rate: below(6)
})

// What makes a queue move comes more often than what looks at it.
const Operation = Schema.Union([
  Enqueue,
  Enqueue,
  Enqueue,
  Step,
  Step,
  Step,
  Step,
  Schema.TaggedStruct("Repeat", { who }),
  Schema.TaggedStruct("Beat", { who, knows: below(4) }),
  Schema.TaggedStruct("Depart", { who }),
  Schema.TaggedStruct("Progress", { who }),
  Schema.TaggedStruct("Cancel", { task: below(20) }),
  Schema.TaggedStruct("Cancel", { task: below(20) }),
  Schema.TaggedStruct("Look", { task: below(20) }),
  Schema.TaggedStruct("Look", { task: below(20) }),
  Schema.TaggedStruct("Count", {}),
  Schema.TaggedStruct("List", { state: below(4) }),
  Schema.TaggedStruct("Redrive", { task: below(40) }),
  Schema.TaggedStruct("Purge", { state: below(9) }),
  Schema.TaggedStruct("Pause", { on: below(6) }),
  Schema.TaggedStruct("Watch", { ms: below(8) }),
  Schema.TaggedStruct("Enrol", { who, id: below(2), print: below(3), isAgain: Schema.Boolean, last: below(4) }),
  Schema.TaggedStruct("Enrol", { who, id: below(2), print: below(3), isAgain: Schema.Boolean, last: below(4) }),
  Schema.TaggedStruct("Fire", {
    who,
    id: below(2),
    print: below(3),
    slot: below(4),
    skips: Schema.Boolean,
    same: below(5)
  }),
  Schema.TaggedStruct("Fire", {
    who,
    id: below(2),
    print: below(3),
    slot: below(4),
    skips: Schema.Boolean,
    same: below(5)
  }),
  Schema.TaggedStruct("Pass", { ms: below(9) }),
  Schema.TaggedStruct("Crash", { who, witness: who }),
  Schema.TaggedStruct("Crash", { who, witness: who })
])
export type Operation = typeof Operation.Type

/** Games of forty operations and more. */
export const games: Arbitrary.Arbitrary<ReadonlyArray<Operation>> = Arbitrary.array(Arbitrary.schema(Operation), {
  minLength: 40,
  maxLength: 80
})

const queue = "the {queue}"
const leaseMs = 15_000
const letters = { capacity: 4, timeToLiveMs: 120_000 }
const spans = [0, 1, 500, 1_000, 5_000, 16_000, 60_000, 3_700_000, 700_000_000]
const lanes = ["lhigh", "l"]
/** Two of one calendar, and one of another. */
const prints = ["a.1", "a.2", "b.1"]
/** From the last slot on: used up, another one, one that may not have come; and a day and more too late. */
const slots = [0, 1, 5_000, 90_000_000]
const states = ["Ready", "Delayed", "Claimed", "Dead"] as const

/** One who enqueues and claims. */
interface Player {
  readonly node: Node<Store.TaskQueueStore>
  readonly claimer: string
  sequence: number
  sent: number
  last: Store.Step | undefined
  held: Array<Store.Claimed>
  /** Of those: what the last step gave. */
  given: ReadonlyArray<Store.Claimed>
  /** When it enrolled each definition of each schedule. */
  readonly since: Map<string, number>
  /** Fences of what wrote progress. */
  readonly wrote: Set<number>
}

/** Plays it; gives every answer, and after each operation what was pushed, as comparable values. */
export const play = Effect.fnUntraced(function* (world: World<Store.TaskQueueStore>, game: ReadonlyArray<Operation>) {
  const told: Array<unknown> = []
  const ids: Array<string> = []
  const players: Array<Player> = []
  for (const n of [0, 1, 2]) {
    const node = yield* world.spawn({ name: `p${n}` })
    const claimer = Store.claimer(`p${n}`, "c")
    players.push({
      node,
      claimer,
      sequence: 0,
      sent: 0,
      last: undefined,
      held: [],
      given: [],
      since: new Map(),
      wrote: new Set()
    })
  }
  /** The last slots that were told. */
  const lasts = [0, 0]
  const heard: Array<readonly [channel: string, message: string]> = []
  for (const { claimer, node } of players) {
    yield* Effect.gen(function* () {
      const link = yield* (yield* Store.TaskQueueStore).connect({
        message: (channel, message) => heard.push([`${node.name} ${channel}`, message]),
        lost: (channels) => channels.forEach((channel) => heard.push([`${node.name} ${channel}`, "lost"]))
      })
      yield* link.subscribe([Store.claimerChannel(queue, claimer), Store.nameChannel(queue, node.name)])
      yield* link.subscribe([Store.endsChannel(queue), Store.eventsChannel(queue)])
    }).pipe(Effect.provide(node.context))
  }
  const on = <A>(player: Player, use: (store: Store.Service) => Effect.Effect<A, unknown>) =>
    Effect.exit(Effect.provide(Effect.flatMap(Store.TaskQueueStore, use), player.node.context))
  const tell = <A>(exit: Exit.Exit<A, unknown>, shown: (value: A) => unknown = (value) => value): A | undefined => {
    told.push(Exit.isSuccess(exit) ? shown(exit.value) : "refused")
    return Exit.isSuccess(exit) ? exit.value : undefined
  }
  /** What was pushed since, by channel; in each in its order. */
  const listen = Effect.map(world.advance(0), () => {
    const byChannel = new Map<string, Array<string>>()
    for (const [channel, message] of heard.splice(0)) {
      const messages = byChannel.get(channel) ?? []
      byChannel.set(channel, messages)
      messages.push(
        channel.endsWith("!ends")
          ? message.split(" ").map(plain).sort().join(" ")
          : channel.endsWith("!events")
            ? shownEvents(message)
            : message
      )
    }
    if (byChannel.size > 0) told.push([...byChannel].sort(([a], [b]) => (a < b ? -1 : 1)))
  })
  const pick = (task: number): string => ids[task % Math.max(1, ids.length)] ?? "nobody"

  const stepOf = (player: Player, given: Partial<Store.Step>): Store.Step =>
    (player.last = {
      claimer: player.claimer,
      sequence: (player.sequence += 1),
      leaseMs,
      settlements: [],
      begun: [],
      lanes: [...lanes, Store.peerLane(player.node.name)],
      free: 0,
      ahead: 0,
      takesSuspect: false,
      rate: undefined,
      maxAttempts: 2,
      letters,
      ...given
    })
  const stepped = (player: Player, step: Store.Step) =>
    Effect.gen(function* () {
      const answer = tell(yield* on(player, (store) => store.step(queue, step)), shownStep)
      if (answer === undefined) return
      const settled = new Set(step.settlements.map(({ claim }) => claim.fence))
      player.held = player.held.filter(({ fence }) => !settled.has(fence))
      player.given = answer.claimed
      for (const claim of answer.claimed) {
        if (!player.held.some(({ fence }) => fence === claim.fence)) player.held.push(claim)
      }
      // Of two that become idle in one ms nobody says who was first.
      if (answer.isIdle) yield* world.advance(1)
    })

  const beat = (player: Player, knows = 0) =>
    Effect.gen(function* () {
      const { claimer, given, held, node, sequence } = player
      // 1: as if the answer of the last step were under way; 2: as if nothing were held; 3: as if there was no step yet.
      const fences = new Set(given.map(({ fence }) => fence))
      const before = held.filter(({ fence }) => !fences.has(fence))
      const beat = {
        queue,
        claimer,
        leaseMs,
        lanes: [...lanes, Store.peerLane(node.name)],
        letters,
        answered: knows === 3 ? 0 : sequence - (knows === 1 ? 1 : 0),
        holds: Store.holding(knows === 2 ? [] : held),
        holdsNext: knows === 1 ? Store.holding(before) : undefined
      }
      tell(yield* on(player, (store) => store.beat([beat])), shownBeat)
    })

  for (const operation of game) {
    const [first] = players
    const player = "who" in operation ? players[operation.who] : first
    if (player === undefined || first === undefined) break
    told.push(operation._tag)
    switch (operation._tag) {
      case "Enqueue": {
        const entries = Array.from({ length: operation.count + 1 }, (_, n) => entryOf(operation, n, told.length))
        const batch = { sender: `${player.claimer}s`, sequence: (player.sent += 1), after: 0, maxLength: 30, entries }
        const enqueue = on(player, (store) => store.enqueue(queue, batch))
        const accepted = tell(yield* enqueue, shownAccepted)
        if (operation.kind === 1) tell(yield* enqueue, shownAccepted)
        for (const one of accepted ?? []) if (one?._tag === "Enqueued") ids.push(one.id)
        break
      }
      case "Step": {
        const settlements = operation.ends
          .slice(0, player.held.length)
          .map((end, i) => ended(player, player.held[i]!, end))
        const step = stepOf(player, {
          settlements,
          begun: player.held.slice(settlements.length, settlements.length + 1).map(({ number }) => number),
          free: operation.free,
          ahead: operation.ahead,
          takesSuspect: operation.suspect,
          rate: operation.rate === 0 ? { limit: 3, windowMs: 10_000 } : undefined
        })
        yield* stepped(player, step)
        break
      }
      case "Repeat":
        if (player.last !== undefined) yield* stepped(player, player.last)
        break
      case "Beat":
        yield* beat(player, operation.knows)
        break
      case "Crash":
        // It takes something, and nobody but the witness is heard of for longer than a lease.
        yield* stepped(player, stepOf(player, { free: 2, ahead: 1, takesSuspect: true }))
        for (let i = 0; i < 5; i++) {
          yield* beat(players[operation.witness]!)
          yield* world.advance(leaseMs / 3 + 100)
        }
        yield* beat(players[operation.witness]!)
        break
      case "Depart":
        tell(yield* on(player, (store) => store.depart(queue, player.claimer)))
        player.held = []
        player.last = undefined
        break
      case "Progress": {
        const [claim] = player.held
        if (claim === undefined) break
        player.wrote.add(claim.fence)
        tell(yield* on(player, (store) => store.progress(queue, player.claimer, claim, "1")))
        break
      }
      case "Cancel":
        tell(yield* on(player, (store) => store.cancel(queue, pick(operation.task))))
        break
      case "Look":
        tell(yield* on(player, (store) => store.inspect(queue, pick(operation.task))), shownInfo)
        tell(yield* on(player, (store) => store.answer(queue, pick(operation.task), 1_000)))
        break
      case "Count":
        tell(yield* on(player, (store) => store.counts(queue)))
        break
      case "List":
        tell(
          yield* on(player, (store) => store.page(queue, states[operation.state] ?? "Ready", "")),
          ({ cursor, tasks }) => [cursor === "", tasks.map(shownInfo).sort()]
        )
        break
      case "Redrive": {
        const which = operation.task < 20 ? { id: pick(operation.task) } : { cursor: "" }
        tell(yield* on(player, (store) => store.redrive(queue, which)), ({ count }) => count)
        break
      }
      case "Purge": {
        const state = (["Ready", "Delayed", "Dead"] as const)[operation.state]
        if (state !== undefined) tell(yield* on(player, (store) => store.purge(queue, state, "")), ({ count }) => count)
        break
      }
      case "Pause":
        tell(yield* on(player, (store) => store.pause(queue, operation.on === 0)))
        break
      case "Watch":
        tell(yield* on(player, (store) => store.watch(queue, spans[operation.ms] ?? 0)))
        break
      case "Enrol": {
        const { id, isAgain, print } = operation
        const fingerprint = prints[print] ?? ""
        const since = isAgain ? player.since.get(`${id} ${fingerprint}`) : undefined
        const last = operation.last === 0 ? undefined : (lasts[id] ?? 0) + (slots[operation.last] ?? 0)
        const enrolment = { id: `${id}`, fingerprint, since, last }
        const told = tell(yield* on(player, (store) => store.enrol(queue, enrolment)))
        if (told === undefined) break
        player.since.set(`${id} ${fingerprint}`, told.since)
        lasts[id] = told.last
        break
      }
      case "Fire": {
        const { id, print, same, skips } = operation
        const fingerprint = prints[print] ?? ""
        const since = player.since.get(`${id} ${fingerprint}`) ?? 0
        const slot = (lasts[id] ?? 0) + (slots[operation.slot] ?? 0)
        const entry = entryOf({ due: 0, kind: 3, lane: 1, same }, 1, slot)
        const firing = { id: `${id}`, fingerprint, since, slot, skips, maxLength: 30, entry }
        const told = tell(yield* on(player, (store) => store.fire(queue, firing)))
        if (told !== undefined && told.outcome !== "Unknown") lasts[id] = told.last
        break
      }
      case "Pass":
        yield* world.advance(spans[operation.ms] ?? 0)
    }
    yield* listen
  }
  return structuredClone(told)
})

const entryOf = (
  { due, kind, lane, same }: Pick<Extract<Operation, { readonly _tag: "Enqueue" }>, "due" | "kind" | "lane" | "same">,
  n: number,
  at: number
): Store.Entry => ({
  payload: `"${at}.${n}"`,
  lane: [...lanes, Store.peerLane("p1"), Store.peerLane("away")][lane] ?? "l",
  due: [undefined, { inMs: 1_000 }, { inMs: 20_000 }, undefined][due],
  id: kind === 2 ? `given ${same}` : undefined,
  unique: kind === 3 ? { key: `${same}`, windowMs: same * 10_000 } : undefined,
  place: kind === 4 ? { key: `${same % 2}`, limit: 1 + (same % 2) } : undefined,
  keepMs: kind === 5 ? 60_000 : kind === 2 || kind === 3 ? ([60_000, 0, 90_000][n] ?? 0) : 0,
  trace: undefined
})

const ended = ({ wrote }: Player, claim: Store.Claimed, end: number): Store.Settlement => {
  const common = { claim, hasProgress: wrote.has(claim.fence) }
  switch (end) {
    case 0:
      return { ...common, _tag: "Retry", delayMs: 0, error: "again" }
    case 1:
      return { ...common, _tag: "Retry", delayMs: 2_000, error: "later" }
    case 2:
      return { ...common, _tag: "Dead", hasRun: true, reason: "Rejected", error: "no", answer: `"no"` }
    case 3:
    case 4:
      return { ...common, _tag: "Dead", hasRun: end === 3, reason: "AttemptsExhausted", error: "no", answer: undefined }
    case 5:
      return { ...common, _tag: "Release" }
    default:
      return { ...common, _tag: "Done", answer: `"yes"` }
  }
}

/** An id of the queue's own, without what is random in it. */
const plain = (id: string): string => id.replace(/^(\d+)\..*$/s, "$1")

/** Of different tasks nobody says which was first in a step. */
const shownEvents = (message: string): string => {
  const [head = "", ...lines] = message.split("\n")
  const told = lines.map((line) => {
    const [letter = "", id = "", ...words] = line.split(" ")
    return [plain(id), [letter, ...words].join(" ")] as const
  })
  const inOrder = told.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return [head, ...inOrder.map((words) => words.join(" "))].join("\n")
}

const shownAccepted = (accepted: ReadonlyArray<Store.Accepted>) =>
  accepted.map((one) => (one === undefined ? "Full" : `${one._tag} ${plain(one.id)}`))

const shownStep = ({ claimed, ...answer }: Store.Stepped) => ({
  ...answer,
  claimed: claimed.map((claim) => ({ ...claim, id: plain(claim.id) }))
})

/** What may be ready is not told: a backend may take one for ready that is gone. */
const shownBeat = (beaten: ReadonlyArray<Store.Beaten>) =>
  beaten.map((beat) => ({
    ...beat,
    isReady: undefined,
    cancelled: beat.cancelled.toSorted((a, b) => a - b),
    holds: beat.holds?.toSorted((a, b) => a.fence - b.fence)
  }))

const shownFields = [
  "id",
  "state",
  "payload",
  "attempts",
  "enqueuedAt",
  "runAt",
  "claimer",
  "lastError",
  "progress",
  "reason",
  "diedAt"
]

const shownInfo = (info: Store.Info | undefined): string =>
  info === undefined ? "nobody" : JSON.stringify({ ...info, id: plain(info.id) }, shownFields)
