/**
 * All rooms that this peer has to do with: their doors, what is still to be told at any of them, and the index's notion of
 * where this peer has places, which is looked after every half minute, however many places there are. Then servers are asked,
 * too, whether they are still the same: where one is not, the rooms on it are looked through (`Audit.ts`).
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { BackendError } from "../../BackendError.ts"
import { type Asking, type Keep, type Origin, pageSize, type Service as Store } from "../../ChatStore.ts"
import { pause } from "../Pause.ts"
import { Signal } from "../Signal.ts"
import { lookThrough } from "./Audit.ts"
import { Door, type House } from "./Door.ts"
import * as Limits from "./Limits.ts"

/** Of a room that this peer has no definition of. */
const unknownKeep: Keep = { history: undefined, leaveGraceMs: 0 }
/** How often the index is asked whether it still has what it was told, and rooms' servers whether they are the same. */
const everyMs = 30_000
/** Rooms with which this peer has to do, beyond which it remembers no further one as swept. */
const mostSwept = 10_000
/** For so many looks after the index has lost something, some living peer's places may not be in it again. */
const shakenLooks = 3
/** What closing a layer waits for the store. */
const closingMs = 2_000
/** Rooms that hear of it at a time: what a path of some milliseconds needs, and few enough that none waits in memory for long. */
const closingRooms = 256

export interface Options {
  readonly store: Store
  readonly asking: Effect.Effect<Asking>
  /** The registry that this peer is in. */
  readonly registry: object
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly context: Context.Context<never>
  /** What the names of this peer's memberships begin with, and nobody else's. */
  readonly base: string
  /** Sees to those who have places in a room, and are none of this peer's. */
  readonly onHolders: (room: string, peers: ReadonlyArray<string>) => Effect.Effect<void, BackendError>
  /** So many memberships are open on this peer. */
  readonly onPlaces: (places: number) => void
}

const ofRegistry = new WeakMap<object, Set<Rooms>>()

export class Rooms implements House {
  readonly store: Store
  readonly asking: Effect.Effect<Asking>
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly context: Context.Context<never>
  readonly behind = new Set<Door>()
  readonly base: string
  private readonly onHolders: Options["onHolders"]
  private readonly doors = new Map<string, Door>()
  /** Of all open Chats of this peer: the index knows peers alone. */
  private readonly siblings: Set<Rooms>
  private readonly untold = new Signal()
  private readonly doubted = new Signal()
  private readonly places: (places: number) => void
  private count = 0
  private life: string | undefined
  /** Looks that are left until the index surely has again what it had lost. */
  private shaken = 0
  /** Doors, beyond which those that are not needed any more are looked for. */
  private crowd = 1_024
  private closed = false

  constructor({ asking, base, context, fork, onHolders, onPlaces, registry, store }: Options) {
    this.store = store
    this.asking = asking
    this.fork = fork
    this.context = context
    this.base = base
    this.onHolders = onHolders
    this.places = onPlaces
    this.siblings = ofRegistry.get(registry) ?? new Set()
    ofRegistry.set(registry, this.siblings.add(this))
  }

  get isClosed(): boolean {
    return this.closed
  }

  /** The door of a room; undefined: there are too many. */
  door(room: string, keep: Keep): Door | undefined {
    const known = this.doors.get(room)
    if (known !== undefined) {
      known.keep = keep
      return known
    }
    if (this.doors.size >= Math.min(this.crowd, Limits.maxRooms)) this.thin()
    if (this.doors.size >= Limits.maxRooms) return undefined
    const door = new Door(room, keep, this)
    this.doors.set(room, door)
    return door
  }

  /** Gives up doors that are not needed any more; those that the index has, too, where nothing looks after that by the clock. */
  private thin(): void {
    const left: Array<string> = []
    for (const [room, door] of this.doors) {
      if (!door.isIdle || ((door.indexed !== undefined || door.hasSwept) && !this.store.immortal)) continue
      if (door.indexed !== undefined) left.push(room)
      this.doors.delete(room)
    }
    this.crowd = Math.max(1_024, this.doors.size * 2)
    if (left.length > 0) this.fork(Effect.ignore(Effect.flatMap(this.asking, (by) => this.leave(by, left))))
  }

  /** The index has these rooms too much. */
  private leave(by: Asking, rooms: ReadonlyArray<string>): Effect.Effect<void, BackendError> {
    return Effect.gen({ self: this }, function* () {
      for (let i = 0; i < rooms.length; i += pageSize) {
        // While the page before it was under way somebody may have come, and have had the index note the room again.
        const page = rooms.slice(i, i + pageSize).filter((room) => !this.doors.has(room) && !this.isOfSibling(room))
        if (page.length === 0) continue
        // Where the index moves meanwhile the room of whoever has come since may be taken out again.
        const again = Effect.sync(() => {
          for (const room of page) this.doors.get(room)?.forget()
        })
        yield* Effect.ensuring(this.store.exit(by.id, page), again)
      }
    })
  }

  /** Another Chat of this peer has the index know of it. */
  private isOfSibling(room: string): boolean {
    for (const rooms of this.siblings) {
      const door = rooms === this ? undefined : rooms.doors.get(room)
      if (door !== undefined && (door.indexed !== undefined || !door.isIdle)) return true
    }
    return false
  }

  onUntold(): void {
    this.untold.give()
  }

  onPlaces(difference: number): void {
    this.count += difference
    this.places(this.count)
  }

  onLife(life: string): void {
    // What it had before, it has lost: the next look notes it anew.
    if (this.life === undefined) this.life = life
  }

  onDoubt(): void {
    this.doubted.give()
  }

  isOurs(ref: string): boolean {
    return ref.startsWith(`${this.base}.`)
  }

  /** Whoever is gone now may have had places of which the index did not know, having lost what it had. */
  onSwept(): void {
    if (this.shaken > 0) for (const door of this.doors.values()) door.doubt()
  }

  /** This peer has swept a room: where that forgets it, somebody must know. */
  remember(room: string, origin: Origin): void {
    const known = this.doors.get(room)
    if (this.store.immortal || (known === undefined && this.doors.size >= mostSwept)) return
    const door = this.door(room, known?.keep ?? unknownKeep)
    if (door === undefined) return
    door.hasSwept = true
    door.isResting = false
    door.hear(origin)
  }

  /**
   * Held-back `Left`s of a room are this peer's to see to, and the index is told that it has to do with that room; where a
   * full server does not take that now, by the next look at the index.
   */
  adopt(room: string, dueInMs: number): Effect.Effect<void, BackendError> {
    return Effect.flatMap(this.asking, (by) => {
      const door = this.door(room, this.doors.get(room)?.keep ?? unknownKeep)
      if (door === undefined) return Effect.fail(Limits.tooManyRooms("sweep"))
      door.watch.begin(dueInMs)
      return Effect.catchIf(Effect.asVoid(door.enter(by)), Limits.isFull, () => Effect.void)
    })
  }

  /** What was not told when it happened. */
  readonly tell: Effect.Effect<never> = Effect.suspend(() =>
    this.rounds(
      this.untold,
      (door) => door.untold.size > 0,
      (door) => door.tell
    )
  )

  /** Looks through the rooms that have perhaps lost something. */
  readonly audit: Effect.Effect<never> = Effect.suspend(() =>
    this.rounds(
      this.doubted,
      (door) => door.doubts > 0,
      (door) => lookThrough(door, this.store, this.asking, this.onHolders),
      // One thing is mostly noticed in several ways.
      pause(1)
    )
  )

  /** Does what is to be done at doors, until it has been. */
  private rounds(
    signal: Signal,
    isDue: (door: Door) => boolean,
    work: (door: Door) => Effect.Effect<void, BackendError>,
    gathering: Effect.Effect<void> = Effect.void
  ): Effect.Effect<never> {
    return Effect.gen({ self: this }, function* () {
      let failures = 0
      while (true) {
        if (failures === 0) yield* Effect.andThen(signal.given, gathering)
        else yield* pause(failures)
        signal.clear()
        const due = [...this.doors.values()].filter(isDue)
        const done = yield* Effect.forEach(due, (door) => Effect.isSuccess(work(door)), { concurrency: 16 })
        failures = done.includes(false) ? failures + 1 : 0
        if (failures === 0 && due.some(isDue)) signal.give()
      }
    })
  }

  /** Sees to it that the index has what it must, and not much more, and that rooms have what they were told. */
  readonly look: Effect.Effect<never> = Effect.gen({ self: this }, function* () {
    let failures = 0
    while (true) {
      const jitter = yield* Random.next
      const every = this.store.positionCheckMs ?? everyMs
      if (failures === 0) yield* Effect.sleep(Duration.millis(every * (0.8 + 0.4 * jitter)))
      else yield* pause(failures)
      failures = (yield* Effect.isSuccess(this.agree)) ? 0 : failures + 1
    }
  })

  private readonly agree: Effect.Effect<void, BackendError> = Effect.gen({ self: this }, function* () {
    yield* this.compare
    const by = yield* this.asking
    const { gone, life } = yield* this.store.enter(by.id, [])
    const isShaken = this.life !== undefined && this.life !== life
    for (const door of this.doors.values()) {
      if (gone || (door.indexed !== undefined && door.indexed !== by.id)) door.forget()
      if (isShaken && !gone) door.doubt()
    }
    if (gone) return
    this.life = life
    if (isShaken) this.shaken = shakenLooks + 1
    const lost = [...this.doors.values()].filter((door) => !door.isEmpty && !door.isKnownOf(by))
    yield* Effect.forEach(lost, (door) => door.enter(by), { concurrency: 64, discard: true })
    yield* this.leave(by, this.rest())
    this.shaken = Math.max(0, this.shaken - 1)
  })

  /** A server that was replaced, or began anew, has perhaps not heard of everything. */
  private readonly compare: Effect.Effect<void> = Effect.suspend(() => {
    const doors = [...this.doors.values()].filter(({ origin }) => origin !== undefined)
    if (doors.length === 0) return Effect.void
    return Effect.map(this.store.servers(doors.map(({ room }) => room)), (servers) => {
      for (const [i, door] of doors.entries()) door.livesOn(servers[i])
    })
  })

  /** Gives up doors that were not needed at the look before, either; gives those that the index has. */
  private rest(): ReadonlyArray<string> {
    const left: Array<string> = []
    for (const [room, door] of this.doors) {
      if (!door.isIdle || !door.isResting) door.isResting = door.isIdle
      else {
        if (door.indexed !== undefined) left.push(room)
        // Whoever comes now finds no door, and has the index note the room again, behind this.
        this.doors.delete(room)
      }
    }
    return left
  }

  /** Every membership of this peer ends: told to the store as far as that answers; the others see to the rest. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    this.siblings.delete(this)
    const doors = [...this.doors.values()]
    const left = Effect.gen({ self: this }, function* () {
      const by = yield* this.asking
      yield* Effect.forEach(doors, (door) => door.close, { concurrency: closingRooms, discard: true })
      const empty = doors.filter((door) => door.indexed === by.id && door.isEmpty).map(({ room }) => room)
      for (const room of empty) this.doors.delete(room)
      yield* this.leave(by, empty)
    })
    return Effect.timeoutOption(Effect.interruptible(Effect.ignore(left)), Duration.millis(closingMs)).pipe(
      Effect.andThen(
        Effect.sync(() => {
          for (const door of new Set([...doors, ...this.doors.values()])) door.shut()
        })
      )
    )
  })
}
